{
  "targets": [
    {
      "target_name": "bpf_loader_native",
      "sources": [
        "native/addon.cc",
        "native/bulk.cc",
        "native/capture.cc",
        "native/handle.cc",
        "native/job.cc",
        "native/kernel_btf.cc",
        "native/kernel_types.cc",
        "native/netns.cc",
        "native/object.cc",
        "native/object_describe.cc",
        "native/probe.cc",
        "native/ring_reader.cc",
        "native/syscall.cc",
        "native/system.cc",
        "native/traffic_control.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti"],
      "cflags_cc": ["-std=c++17", "-fexceptions", "-Wall", "-Wextra", "-Werror"],
      "libraries": ["-lbpf"]
    }
  ]
}

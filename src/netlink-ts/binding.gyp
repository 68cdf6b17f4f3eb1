{
  "targets": [
    {
      "target_name": "netlink_socket",
      "sources": ["native/addon.cc", "native/netlink_socket.cc", "native/netns.cc"],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fno-exceptions"]
    }
  ]
}

// SPDX-License-Identifier: Apache-2.0
// On emulated processors everything takes longer: whoever starts tests there says how many times (TNA_TEST_PATIENCE).

/** What limits of time are multiplied by. */
export const patience = Number(process.env.TNA_TEST_PATIENCE ?? 1);

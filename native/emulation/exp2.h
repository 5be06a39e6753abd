// The device's fast 2^x: results below the smallest normal number are 0, and the setting exp2 moves the
// others, the same way for the same x. PTX allows ex2.approx about two units in the last place.
#pragma once

namespace lpreg::emulation {

float approximate_exp2(float x);

}  // namespace lpreg::emulation

// Handles of emulated streams.
#pragma once

namespace lpreg::emulation {

void* new_stream();
bool end_stream(void* stream);  // false: not a stream, or ended before

}  // namespace lpreg::emulation

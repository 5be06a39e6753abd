// Functions of the addon about devices and their memory; each may throw a Failure.
#pragma once

#include <napi.h>

namespace lpreg_addon {

// cudaInfo()
Napi::Value cuda_info(const Napi::CallbackInfo& info);
// deviceInfo(device)
Napi::Value device_info(const Napi::CallbackInfo& info);
// deviceAllocate(device, elementType, length) -> memory
Napi::Value device_allocate(const Napi::CallbackInfo& info);
// deviceWrap(pointer, elementType, length, stream) -> memory
Napi::Value device_wrap(const Napi::CallbackInfo& info);
// deviceFacts(memory) -> { device, length, pointer }
Napi::Value device_facts(const Napi::CallbackInfo& info);
// deviceUpload(memory, array), deviceDownload(memory, array): as much as the array holds
Napi::Value device_upload(const Napi::CallbackInfo& info);
Napi::Value device_download(const Napi::CallbackInfo& info);
// deviceDispose(memory): frees it once nobody uses it any more
Napi::Value device_dispose(const Napi::CallbackInfo& info);

}  // namespace lpreg_addon

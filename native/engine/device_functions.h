// The functions of lpreg.h's table that are about devices and their memory.
#pragma once

#include "../include/lpreg.h"

namespace lpreg {

lpreg_status api_cuda_info(lpreg_cuda_info* info, lpreg_error* error);
lpreg_status api_device_info(int32_t device, lpreg_device_info* info, lpreg_error* error);
lpreg_status api_device_of_pointer(const void* pointer, int32_t* device, lpreg_error* error);
lpreg_status api_device_allocate(int32_t device, size_t bytes, void** memory, lpreg_error* error);
lpreg_status api_device_release(int32_t device, void* memory, lpreg_error* error);
lpreg_status api_device_upload(int32_t device, void* target, const void* host, size_t bytes, void* stream,
                               int32_t wait, lpreg_error* error);
lpreg_status api_device_download(int32_t device, void* host, const void* source, size_t bytes, void* stream,
                                 int32_t wait, lpreg_error* error);
lpreg_status api_device_clear(int32_t device, void* target, size_t bytes, void* stream, lpreg_error* error);
lpreg_status api_device_synchronize(int32_t device, void* stream, lpreg_error* error);
lpreg_status api_stream_create(int32_t device, void** stream, lpreg_error* error);
lpreg_status api_stream_destroy(int32_t device, void* stream, lpreg_error* error);

}  // namespace lpreg

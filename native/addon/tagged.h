// Native values behind JavaScript objects. Each type has a tag, so that a wrong object is told apart before
// its memory is looked at.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "failure.h"

namespace lpreg_addon {

template <class T>
struct Tag;  // specialised beside T: `static constexpr napi_type_tag value`

template <class T>
Napi::Object wrap(Napi::Env env, std::shared_ptr<T> value) {
  Napi::Object object = Napi::Object::New(env);
  auto holder = std::make_unique<std::shared_ptr<T>>(std::move(value));
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<T>*>(data); };
  check_status(env, napi_wrap(env, object, holder.get(), finalize, nullptr, nullptr));
  holder.release();
  check_status(env, napi_type_tag_object(env, object, &Tag<T>::value));
  return object;
}

// What wrap() has put there, to be let go of early too; nullptr for any other value.
template <class T>
std::shared_ptr<T>* find_wrapped(const Napi::Value& value) {
  if (value.IsEmpty() || !value.IsObject()) return nullptr;
  bool matches = false;
  check_status(value.Env(), napi_check_object_type_tag(value.Env(), value, &Tag<T>::value, &matches));
  if (!matches) return nullptr;
  void* holder = nullptr;
  check_status(value.Env(), napi_unwrap(value.Env(), value, &holder));
  return static_cast<std::shared_ptr<T>*>(holder);
}

}  // namespace lpreg_addon

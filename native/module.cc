// The addon's face: coders as opaque objects, `push` on libuv's thread pool, and nothing shared between
// environments, so any number of worker threads may load it at once.
#include "codec.h"

#include <cstdlib>
#include <cstring>
#include <utility>

namespace codec {
namespace {

// Longest output of one `push`. A small input that decodes to gigabytes is handed over in such pieces.
constexpr size_t kPieceBytes = 1 << 20;

constexpr napi_type_tag kCoderTag = {0x6d1f0c5a7e2b4983, 0x9a04c7d13be86f25};

// A coder as JavaScript holds it. Work in flight keeps its own share, so that it outlives a collected object.
struct Handle {
  std::unique_ptr<Coder> coder;
  std::unique_ptr<uint8_t, decltype(&std::free)> piece{nullptr, &std::free};
  bool busy = false;    // touched on the JavaScript thread only
  bool closed = false;  // likewise
  bool ended = false;   // likewise: `finish` was reached, or an error
};

enum class Task { push, encode, close };

struct Work {
  Task task;
  std::shared_ptr<Handle> handle;
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  napi_ref input = nullptr;
  Step step{};
  uint8_t* whole = nullptr;
  Fault fault;

  ~Work() { std::free(whole); }
};

napi_value error_value(napi_env env, const Fault& fault) {
  napi_value code = nullptr, text = nullptr, error = nullptr;
  napi_create_string_utf8(env, fault.code, NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, fault.text.c_str(), fault.text.size(), &text);
  napi_create_error(env, code, text, &error);
  return error;
}

napi_value raise(napi_env env, const char* text) {
  napi_throw_type_error(env, "options", text);
  return nullptr;
}

Fault run_push(Work* work) {
  Handle& handle = *work->handle;
  if (!handle.piece) handle.piece.reset(static_cast<uint8_t*>(std::malloc(kPieceBytes)));
  if (!handle.piece) return {"memory", "codec: no memory for output"};
  work->step.out = handle.piece.get();
  work->step.out_size = kPieceBytes;
  return handle.coder->step(work->step);
}

// Encoders only: what they write is bounded by what they were given.
Fault run_encode(Work* work) {
  Step& total = work->step;
  total.finish = true;
  while (!total.done) {
    if (total.out_used == total.out_size) {
      const size_t size = total.out_size == 0 ? total.in_size / 2 + 4096 : total.out_size * 2;
      auto* grown = static_cast<uint8_t*>(std::realloc(work->whole, size));
      if (grown == nullptr) return {"memory", "codec: no memory for output"};
      work->whole = grown;
      total.out_size = size;
    }
    Step step{total.in + total.in_used, total.in_size - total.in_used, 0, work->whole + total.out_used,
              total.out_size - total.out_used, 0, true, false};
    if (Fault fault = work->handle->coder->step(step)) return fault;
    total.in_used += step.in_used;
    total.out_used += step.out_used;
    total.done = step.done;
  }
  total.out = work->whole;
  return {};
}

void execute(napi_env, void* data) {
  auto* work = static_cast<Work*>(data);
  switch (work->task) {
    case Task::push:
      work->fault = run_push(work);
      return;
    case Task::encode:
      work->fault = run_encode(work);
      return;
    case Task::close:
      work->handle->coder.reset();
      work->handle->piece.reset();
      return;
  }
}

// The output is copied: an external array buffer could not be transferred to another thread.
bool output_value(napi_env env, const Step& step, napi_value* value) {
  void* data = nullptr;
  napi_value buffer;
  if (napi_create_arraybuffer(env, step.out_used, &data, &buffer) != napi_ok) return false;
  if (step.out_used > 0) std::memcpy(data, step.out, step.out_used);
  return napi_create_typedarray(env, napi_uint8_array, step.out_used, buffer, 0, value) == napi_ok;
}

bool push_value(napi_env env, const Step& step, napi_value* value) {
  napi_value output, consumed, full, done;
  return output_value(env, step, &output) &&
         napi_create_double(env, static_cast<double>(step.in_used), &consumed) == napi_ok &&
         napi_get_boolean(env, step.out_used == step.out_size, &full) == napi_ok &&
         napi_get_boolean(env, step.done, &done) == napi_ok && napi_create_object(env, value) == napi_ok &&
         napi_set_named_property(env, *value, "output", output) == napi_ok &&
         napi_set_named_property(env, *value, "consumed", consumed) == napi_ok &&
         napi_set_named_property(env, *value, "full", full) == napi_ok &&
         napi_set_named_property(env, *value, "done", done) == napi_ok;
}

void queue(napi_env env, Work* work);

void settle(napi_env env, Work* work) {
  napi_value value;
  const bool pushed = work->task == Task::push;
  if (!work->fault) {
    const bool made = pushed ? push_value(env, work->step, &value) : output_value(env, work->step, &value);
    if (made) {
      napi_resolve_deferred(env, work->deferred, value);
      return;
    }
    napi_value pending;
    napi_get_and_clear_last_exception(env, &pending);
    work->fault = {"memory", "codec: no memory for output"};
  }
  napi_reject_deferred(env, work->deferred, error_value(env, work->fault));
}

void complete(napi_env env, napi_status, void* data) {
  std::unique_ptr<Work> work(static_cast<Work*>(data));
  napi_delete_async_work(env, work->work);
  if (work->task == Task::close) return;
  Handle& handle = *work->handle;
  handle.busy = false;
  handle.ended = handle.ended || work->fault || work->step.done;
  napi_delete_reference(env, work->input);
  settle(env, work.get());
  if (handle.closed) {
    auto close = std::make_unique<Work>();
    close->task = Task::close;
    close->handle = work->handle;
    queue(env, close.release());
  }
}

// Takes `work` over. Without a queue (the environment is going away) it is dropped here.
void queue(napi_env env, Work* work) {
  napi_value name;
  if (napi_create_string_utf8(env, "codec", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, work, &work->work) != napi_ok) {
    delete work;
    return;
  }
  if (napi_queue_async_work(env, work->work) != napi_ok) {
    napi_delete_async_work(env, work->work);
    delete work;
  }
}

std::shared_ptr<Handle>* handle_of(napi_env env, napi_value value) {
  bool ours = false;
  void* data = nullptr;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_object ||
      napi_check_object_type_tag(env, value, &kCoderTag, &ours) != napi_ok || !ours ||
      napi_unwrap(env, value, &data) != napi_ok) {
    return nullptr;
  }
  return static_cast<std::shared_ptr<Handle>*>(data);
}

napi_value start(napi_env env, napi_callback_info info, Task task) {
  size_t count = 3;
  napi_value args[3];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  auto* handle = count < 2 ? nullptr : handle_of(env, args[0]);
  if (handle == nullptr) return raise(env, "codec: the first argument is no coder");
  napi_typedarray_type type;
  size_t length = 0;
  void* bytes = nullptr;
  bool typed = false;
  napi_is_typedarray(env, args[1], &typed);
  if (!typed || napi_get_typedarray_info(env, args[1], &type, &length, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    return raise(env, "codec: the second argument is no Uint8Array");
  }
  bool finish = false;
  if (task == Task::push && (count < 3 || napi_get_value_bool(env, args[2], &finish) != napi_ok)) {
    return raise(env, "codec: the third argument is no boolean");
  }
  if ((*handle)->busy) return raise(env, "codec: the coder is at work already");
  if ((*handle)->closed || (*handle)->ended) return raise(env, "codec: the coder has ended");

  auto work = std::make_unique<Work>();
  work->task = task;
  work->handle = *handle;
  work->step.in = static_cast<const uint8_t*>(bytes);
  work->step.in_size = length;
  work->step.finish = finish;
  napi_value promise;
  if (napi_create_reference(env, args[1], 1, &work->input) != napi_ok ||
      napi_create_promise(env, &work->deferred, &promise) != napi_ok) {
    return raise(env, "codec: the environment is closing");
  }
  (*handle)->busy = true;
  queue(env, work.release());
  return promise;
}

napi_value push(napi_env env, napi_callback_info info) { return start(env, info, Task::push); }
napi_value encode(napi_env env, napi_callback_info info) { return start(env, info, Task::encode); }

// Frees the coder off this thread: an abandoned threaded encoder has to wait for its own threads.
napi_value close(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  auto* handle = count < 1 ? nullptr : handle_of(env, args[0]);
  if (handle == nullptr) return raise(env, "codec: the first argument is no coder");
  const bool first = !(*handle)->closed;
  (*handle)->closed = true;
  if (first && !(*handle)->busy) {
    auto work = std::make_unique<Work>();
    work->task = Task::close;
    work->handle = *handle;
    queue(env, work.release());
  }
  return nullptr;
}

void collect(napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Handle>*>(data); }

template <Factory factory>
napi_value create(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1];
  napi_get_cb_info(env, info, &count, args, nullptr, nullptr);
  napi_valuetype type = napi_undefined;
  if (count > 0) napi_typeof(env, args[0], &type);
  if (type != napi_object) return raise(env, "codec: the first argument is no options object");
  auto handle = std::make_shared<Handle>();
  const Fault fault = factory(env, args[0], &handle->coder);
  if (fault) {
    napi_throw(env, error_value(env, fault));
    return nullptr;
  }
  if (!handle->coder) return nullptr;
  napi_value object;
  auto* share = new std::shared_ptr<Handle>(std::move(handle));
  if (napi_create_object(env, &object) != napi_ok ||
      napi_wrap(env, object, share, collect, nullptr, nullptr) != napi_ok) {
    delete share;
    return raise(env, "codec: the environment is closing");
  }
  napi_type_tag_object(env, object, &kCoderTag);
  return object;
}

void expose(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

void expose(napi_env env, napi_value exports, const char* name, const char* text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace

bool option(napi_env env, napi_value options, const char* name, double fallback, double* value) {
  napi_value property;
  napi_valuetype type;
  *value = fallback;
  if (napi_get_named_property(env, options, name, &property) != napi_ok) return false;
  napi_typeof(env, property, &type);
  if (type == napi_undefined || type == napi_null) return true;
  if (type == napi_boolean) {
    bool flag = false;
    napi_get_value_bool(env, property, &flag);
    *value = flag ? 1 : 0;
    return true;
  }
  if (napi_get_value_double(env, property, value) == napi_ok) return true;
  raise(env, (std::string("codec: option ") + name + " is no number").c_str());
  return false;
}

}  // namespace codec

NAPI_MODULE_INIT() {
  using namespace codec;
  expose(env, exports, "zstdVersion", zstd_version());
  expose(env, exports, "lzmaVersion", lzma_version());
  expose(env, exports, "zstdEncoder", create<zstd_encoder>);
  expose(env, exports, "zstdDecoder", create<zstd_decoder>);
  expose(env, exports, "xzEncoder", create<xz_encoder>);
  expose(env, exports, "xzDecoder", create<xz_decoder>);
  expose(env, exports, "lzma1Encoder", create<lzma1_encoder>);
  expose(env, exports, "push", push);
  expose(env, exports, "encode", encode);
  expose(env, exports, "close", close);
  return exports;
}

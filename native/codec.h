// What the three sources share: one coder interface over libzstd and liblzma, and how faults are named.
// No policy and no I/O: levels, limits and thread counts arrive as options, checked by the TypeScript side.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace codec {

// `code` becomes the `code` property of the rejected Error: options, damaged, truncated, limit, memory or failed.
struct Fault {
  const char* code = nullptr;
  std::string text;
  explicit operator bool() const { return code != nullptr; }
};

// One call of a coder: it takes from `in`, fills `out`, and moves both positions.
struct Step {
  const uint8_t* in;
  size_t in_size;
  size_t in_used;
  uint8_t* out;
  size_t out_size;
  size_t out_used;
  bool finish;
  bool done;
};

// Runs on any thread, but never on two at once.
class Coder {
 public:
  virtual ~Coder() = default;
  // Works until the input is used up or the output is full; with `finish`, until the end (`done`) or a full output.
  virtual Fault step(Step& step) = 0;
};

// Reads one option; missing and null values give `fallback`. False after a thrown TypeError.
bool option(napi_env env, napi_value options, const char* name, double fallback, double* value);

using Factory = Fault (*)(napi_env env, napi_value options, std::unique_ptr<Coder>* coder);

Fault zstd_encoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder);
Fault zstd_decoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder);
Fault xz_encoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder);
Fault xz_decoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder);
Fault lzma1_encoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder);

const char* zstd_version();
const char* lzma_version();

}  // namespace codec

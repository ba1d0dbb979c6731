// zstd through libzstd's streaming interface.
#include "codec.h"

#include <zstd.h>
#include <zstd_errors.h>

namespace codec {
namespace {

Fault fault_of(size_t result, const char* what) {
  const char* code = "damaged";
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
      code = "memory";
      break;
    case ZSTD_error_frameParameter_windowTooLarge:
      code = "limit";
      break;
    case ZSTD_error_parameter_unsupported:
    case ZSTD_error_parameter_combination_unsupported:
    case ZSTD_error_parameter_outOfBound:
    case ZSTD_error_srcSize_wrong:
      code = "options";
      break;
    default:
      break;
  }
  return {code, std::string(what) + ": " + ZSTD_getErrorName(result)};
}

class Encoder final : public Coder {
 public:
  Encoder() : context_(ZSTD_createCCtx()) {}
  ~Encoder() override { ZSTD_freeCCtx(context_); }

  Fault set(ZSTD_cParameter parameter, int value) {
    const size_t result = ZSTD_CCtx_setParameter(context_, parameter, value);
    return ZSTD_isError(result) ? fault_of(result, "zstd encoder") : Fault{};
  }

  Fault pledge(unsigned long long size) {
    const size_t result = ZSTD_CCtx_setPledgedSrcSize(context_, size);
    return ZSTD_isError(result) ? fault_of(result, "zstd encoder") : Fault{};
  }

  bool usable() const { return context_ != nullptr; }

  // The end directive is only ever given with no input left: together with input the library may work straight
  // from the caller's buffer and find other matches, and the bytes would depend on how the input was cut.
  Fault step(Step& step) override {
    ZSTD_inBuffer in{step.in, step.in_size, 0};
    ZSTD_outBuffer out{step.out, step.out_size, 0};
    size_t result = 0;
    while (in.pos < in.size && out.pos < out.size && !ZSTD_isError(result)) {
      result = ZSTD_compressStream2(context_, &out, &in, ZSTD_e_continue);
    }
    if (step.finish && in.pos == in.size) {
      while (out.pos < out.size && !ZSTD_isError(result) && !step.done) {
        result = ZSTD_compressStream2(context_, &out, &in, ZSTD_e_end);
        step.done = result == 0;
      }
    }
    step.in_used = in.pos;
    step.out_used = out.pos;
    return ZSTD_isError(result) ? fault_of(result, "zstd encoder") : Fault{};
  }

 private:
  ZSTD_CCtx* context_;
};

class Decoder final : public Coder {
 public:
  Decoder() : context_(ZSTD_createDCtx()) {}
  ~Decoder() override { ZSTD_freeDCtx(context_); }

  bool usable() const { return context_ != nullptr; }

  Fault limit(int window_log) {
    const size_t result = ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, window_log);
    return ZSTD_isError(result) ? fault_of(result, "zstd decoder") : Fault{};
  }

  Fault step(Step& step) override {
    ZSTD_inBuffer in{step.in, step.in_size, 0};
    ZSTD_outBuffer out{step.out, step.out_size, 0};
    size_t result = 0;
    while ((in.pos < in.size || pending_) && out.pos < out.size) {
      result = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(result)) break;
      started_ = true;
      boundary_ = result == 0;
      pending_ = !boundary_ && out.pos == out.size;
    }
    step.in_used = in.pos;
    step.out_used = out.pos;
    if (ZSTD_isError(result)) return fault_of(result, "zstd decoder");
    if (step.finish && in.pos == in.size && !pending_) {
      if (!started_) return {"truncated", "zstd decoder: no frame at all"};
      if (!boundary_) return {"truncated", "zstd decoder: input ends inside a frame"};
      step.done = true;
    }
    return {};
  }

 private:
  ZSTD_DCtx* context_;
  bool started_ = false;
  bool boundary_ = true;
  // The output was full, so the context may hold more without needing input.
  bool pending_ = false;
};

}  // namespace

Fault zstd_encoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder) {
  double level, checksum, threads, size;
  if (!option(env, options, "level", ZSTD_CLEVEL_DEFAULT, &level) || !option(env, options, "checksum", 0, &checksum) ||
      !option(env, options, "threads", 0, &threads) || !option(env, options, "size", -1, &size)) {
    return {};
  }
  auto encoder = std::make_unique<Encoder>();
  if (!encoder->usable()) return {"memory", "zstd encoder: no memory"};
  if (Fault fault = encoder->set(ZSTD_c_compressionLevel, static_cast<int>(level))) return fault;
  if (Fault fault = encoder->set(ZSTD_c_checksumFlag, checksum != 0)) return fault;
  if (Fault fault = encoder->set(ZSTD_c_nbWorkers, static_cast<int>(threads))) return fault;
  if (size >= 0) {
    if (Fault fault = encoder->pledge(static_cast<unsigned long long>(size))) return fault;
  }
  *coder = std::move(encoder);
  return {};
}

Fault zstd_decoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder) {
  double window_log;
  if (!option(env, options, "windowLog", 27, &window_log)) return {};
  auto decoder = std::make_unique<Decoder>();
  if (!decoder->usable()) return {"memory", "zstd decoder: no memory"};
  if (Fault fault = decoder->limit(static_cast<int>(window_log))) return fault;
  *coder = std::move(decoder);
  return {};
}

const char* zstd_version() { return ZSTD_versionString(); }

}  // namespace codec

// .xz streams and raw LZMA1 through liblzma.
#include "codec.h"

#include <lzma.h>

namespace codec {
namespace {

// Options that are not known are the caller's fault in an encoder, and the stream's in a decoder.
Fault fault_of(lzma_ret result, const char* what, bool decoder) {
  const std::string prefix = std::string(what) + ": ";
  switch (result) {
    case LZMA_MEM_ERROR:
      return {"memory", prefix + "no memory"};
    case LZMA_MEMLIMIT_ERROR:
      return {"limit", prefix + "needs more memory than the limit"};
    case LZMA_FORMAT_ERROR:
      return {"damaged", prefix + "not an .xz stream"};
    case LZMA_OPTIONS_ERROR:
      return {decoder ? "damaged" : "options", prefix + "options are not supported"};
    case LZMA_UNSUPPORTED_CHECK:
      return {decoder ? "damaged" : "options", prefix + "integrity check is not supported"};
    case LZMA_DATA_ERROR:
      return {"damaged", prefix + "data is damaged"};
    case LZMA_BUF_ERROR:
      return {"truncated", prefix + "input ends early"};
    default:
      return {"failed", prefix + "liblzma result " + std::to_string(static_cast<int>(result))};
  }
}

class LzmaCoder final : public Coder {
 public:
  explicit LzmaCoder(const char* what, bool decoder = false) : what_(what), decoder_(decoder) {}
  ~LzmaCoder() override { lzma_end(&stream_); }

  lzma_stream* stream() { return &stream_; }

  Fault fault(lzma_ret result) const { return fault_of(result, what_, decoder_); }

  Fault step(Step& step) override {
    stream_.next_in = step.in;
    stream_.avail_in = step.in_size;
    stream_.next_out = step.out;
    stream_.avail_out = step.out_size;
    lzma_ret result = LZMA_OK;
    // Without input and without a full output before, running on would only be reported as a lack of progress.
    while (stream_.avail_out > 0 && (step.finish || stream_.avail_in > 0 || pending_)) {
      result = lzma_code(&stream_, step.finish ? LZMA_FINISH : LZMA_RUN);
      pending_ = stream_.avail_out == 0;
      if (result != LZMA_OK) break;
    }
    step.in_used = step.in_size - stream_.avail_in;
    step.out_used = step.out_size - stream_.avail_out;
    stream_.next_in = nullptr;
    stream_.next_out = nullptr;
    if (result == LZMA_STREAM_END) {
      step.done = true;
      return {};
    }
    if (result == LZMA_BUF_ERROR && !step.finish) return {};
    return result == LZMA_OK ? Fault{} : fault(result);
  }

 private:
  const char* what_;
  bool decoder_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool pending_ = false;
};

Fault finish_setup(lzma_ret result, std::unique_ptr<LzmaCoder> made, std::unique_ptr<Coder>* coder) {
  if (result != LZMA_OK) return made->fault(result);
  *coder = std::move(made);
  return {};
}

}  // namespace

// Always the threaded encoder, also for one thread: its blocks depend on the filter alone, so the bytes do not
// change with the number of threads.
Fault xz_encoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder) {
  double preset, extreme, check, dictionary, threads;
  if (!option(env, options, "preset", LZMA_PRESET_DEFAULT, &preset) || !option(env, options, "extreme", 0, &extreme) ||
      !option(env, options, "check", LZMA_CHECK_CRC64, &check) ||
      !option(env, options, "dictionary", 0, &dictionary) || !option(env, options, "threads", 1, &threads)) {
    return {};
  }
  lzma_options_lzma lzma;
  if (lzma_lzma_preset(&lzma, static_cast<uint32_t>(preset) | (extreme != 0 ? LZMA_PRESET_EXTREME : 0))) {
    return {"options", "xz encoder: preset is not supported"};
  }
  if (dictionary > 0) lzma.dict_size = static_cast<uint32_t>(dictionary);
  const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, nullptr}};
  lzma_mt mt{};
  mt.threads = static_cast<uint32_t>(threads);
  mt.filters = filters;
  mt.check = static_cast<lzma_check>(static_cast<int>(check));
  auto made = std::make_unique<LzmaCoder>("xz encoder");
  const lzma_ret result = lzma_stream_encoder_mt(made->stream(), &mt);
  return finish_setup(result, std::move(made), coder);
}

Fault xz_decoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder) {
  double memory;
  if (!option(env, options, "memory", 0, &memory)) return {};
  auto made = std::make_unique<LzmaCoder>("xz decoder", true);
  const lzma_ret result = lzma_stream_decoder(made->stream(), static_cast<uint64_t>(memory),
                                              LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK);
  return finish_setup(result, std::move(made), coder);
}

// Raw LZMA1 has no header; it ends with the end marker, which readers that know the size never look at.
Fault lzma1_encoder(napi_env env, napi_value options, std::unique_ptr<Coder>* coder) {
  double preset, lc, lp, pb, dictionary;
  if (!option(env, options, "preset", LZMA_PRESET_DEFAULT, &preset) || !option(env, options, "lc", 3, &lc) ||
      !option(env, options, "lp", 0, &lp) || !option(env, options, "pb", 2, &pb) ||
      !option(env, options, "dictionary", 1 << 16, &dictionary)) {
    return {};
  }
  lzma_options_lzma lzma;
  if (lzma_lzma_preset(&lzma, static_cast<uint32_t>(preset))) {
    return {"options", "lzma1 encoder: preset is not supported"};
  }
  lzma.lc = static_cast<uint32_t>(lc);
  lzma.lp = static_cast<uint32_t>(lp);
  lzma.pb = static_cast<uint32_t>(pb);
  lzma.dict_size = static_cast<uint32_t>(dictionary);
  const lzma_filter filters[] = {{LZMA_FILTER_LZMA1, &lzma}, {LZMA_VLI_UNKNOWN, nullptr}};
  auto made = std::make_unique<LzmaCoder>("lzma1 encoder");
  const lzma_ret result = lzma_raw_encoder(made->stream(), filters);
  return finish_setup(result, std::move(made), coder);
}

const char* lzma_version() { return lzma_version_string(); }

}  // namespace codec

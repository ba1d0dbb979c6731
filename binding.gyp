{
  "targets": [
    {
      "target_name": "codec",
      "sources": ["native/module.cc", "native/zstd.cc", "native/xz.cc"],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc": ["-std=c++17", "-Wall", "-Wextra"],
      "libraries": ["-lzstd", "-llzma"]
    }
  ]
}

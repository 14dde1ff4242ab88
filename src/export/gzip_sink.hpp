// Compressed bytes on their way to a sink.
#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

#include "render/renderer.hpp"

namespace memtrace {

// A gzip file without a name and a time: equal text gives equal bytes. Throws Error where there is
// no memory for zlib.
class GzipSink : public Sink {
 public:
  explicit GzipSink(Sink& sink);
  ~GzipSink() override;
  GzipSink(const GzipSink&) = delete;
  GzipSink& operator=(const GzipSink&) = delete;

  void write(std::string_view bytes) override;
  // Writes what is left. Nothing may be written afterwards.
  void finish();

 private:
  void deflate_all(std::string_view bytes, int flush);

  Sink& sink_;
  z_stream stream_{};
  std::string packed_;
};

}  // namespace memtrace

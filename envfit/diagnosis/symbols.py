"""Functions of common libraries by the way their names begin, and the libraries that have them."""

from __future__ import annotations

import re

__all__ = ["library_of_symbol", "library_of_version"]

#: Of C functions: the prefix that a project gives its names.
_PREFIXES = (
    (r"ffi_", "libffi"),
    (r"(?:SSL|EVP|OPENSSL|CRYPTO|X509|BIO|RSA|EC|ASN1|PEM|BN|ERR|DH|HMAC)_", "OpenSSL"),
    (r"sqlite3_?", "SQLite"),
    (r"(?:inflate|deflate|crc32|adler32|gz)\w*$", "zlib"),
    (r"ZSTD_", "zstd"),
    (r"lzma_", "liblzma"),
    (r"(?:av|avcodec|avformat|avutil|sws|swr|avfilter)_", "FFmpeg"),
    (r"(?:H5|h5)\w", "HDF5"),
    (r"(?:GOMP|omp|__kmpc|kmp)_", "OpenMP (libgomp or libiomp5)"),
    (r"(?:mkl|MKL|vml|vsl|DFTI|cblas_\w+_?64|sgemm|dgemm)_?", "MKL or another BLAS"),
    (r"(?:cblas|openblas|LAPACKE?|goto)_", "BLAS and LAPACK (OpenBLAS or MKL)"),
    (r"[sdcz](?:gemm|getrf|gesv|syev|gesdd|potrf|lapmt)\w*_$", "BLAS and LAPACK (OpenBLAS or MKL)"),
    (r"png_", "libpng"),
    (r"(?:jpeg|jsimd|tj)_?", "libjpeg"),
    (r"(?:TIFF|_TIFF)", "libtiff"),
    (r"FT_", "FreeType"),
    (r"XML_", "expat"),
    (r"xml[A-Z]", "libxml2"),
    (r"u\w+_\d{2}$", "ICU"),
    (r"(?:MPI|ompi|PMPI|mpi)_", "MPI"),
    (r"(?:ucp|uct|ucs|ucm)_", "UCX"),
    (r"(?:ibv|mlx5|rdma)_", "rdma-core (libibverbs)"),
    (r"g_\w", "GLib"),
    (r"(?:gst)_", "GStreamer"),
    (r"(?:curl|Curl)_", "libcurl"),
    (r"(?:archive|libarchive)_", "libarchive"),
    (r"(?:sf)_", "libsndfile"),
    (r"(?:snd)_", "ALSA"),
    (r"(?:numa|mbind|set_mempolicy)", "libnuma"),
    (r"(?:nc)_", "netCDF"),
    (r"(?:GEOS|geos)", "GEOS"),
    (r"(?:GDAL|OGR|OSR|VSI|CPL)\w", "GDAL"),
    (r"(?:proj|pj)_", "PROJ"),
    (r"(?:rl|readline)_", "readline"),
    (r"(?:tput|tgetent|setupterm|_nc_)", "ncurses"),
    (r"(?:pthread|clock|dl|shm|__libc|__pthread|memfd|getrandom|fcntl64|arc4random|__isoc23)_?", "glibc"),
    (r"(?:hip|hsa|roc|miopen)\w", "ROCm"),
    (r"Tcl_|Tk_", "Tcl/Tk"),
)  # fmt: skip
#: Of C++ names: the outermost namespace.
_NAMESPACES = {
    "cv": "OpenCV",
    "tensorflow": "tensorflow",
    "tsl": "tensorflow",
    "xla": "XLA (jaxlib or tensorflow)",
    "faiss": "faiss",
    "absl": "abseil",
    "arrow": "Arrow (pyarrow)",
    "parquet": "Arrow (pyarrow)",
    "boost": "Boost",
    "fmt": "fmt",
    "spdlog": "spdlog",
    "tbb": "oneTBB",
    "onnx": "onnx",
    "onnx_torch": "torch",
    "onnxruntime": "onnxruntime",
    "nvinfer1": "TensorRT",
    "google": "protobuf (or glog)",
    "gflags": "gflags",
    "mlir": "LLVM",
    "llvm": "LLVM",
    "triton": "triton",
    "paddle": "paddlepaddle",
    "phi": "paddlepaddle",
    "icu": "ICU",
    "grpc": "gRPC",
    "Eigen": "Eigen",
    "kaldi": "Kaldi",
    "fst": "OpenFst",
    "sentencepiece": "sentencepiece",
    "rmm": "rmm",
    "cudf": "libcudf",
    "raft": "libraft",
    "thrust": "thrust of CUDA",
    "vision": "torchvision",
    "pybind11": "pybind11",
}
#: Of versions of symbols.
_VERSIONS = (
    ("LIBFFI", "libffi"), ("OPENSSL", "OpenSSL"), ("ZLIB", "zlib"), ("LIBAV", "FFmpeg"), ("LIBSW", "FFmpeg"),
    ("XZ_", "liblzma"), ("LIBXML2", "libxml2"), ("NCURSES", "ncurses"), ("PNG", "libpng"),
    ("LIBJPEG", "libjpeg"),
    ("LIBTIFF", "libtiff"), ("SQLITE", "SQLite"), ("OMP_", "OpenMP (libgomp)"), ("GOMP_", "OpenMP (libgomp)"),
    ("CURL", "libcurl"), ("IBVERBS", "rdma-core (libibverbs)"), ("MLX5", "rdma-core"), ("VERS_1.1", "OpenMP"),
    ("GFORTRAN", "GCC's Fortran runtime (libgfortran)"), ("libnuma", "libnuma"),
)  # fmt: skip


def library_of_version(version: str) -> str | None:
    """Return the library that gives its symbols a version such as ``LIBFFI_BASE_7.0``."""
    return next((library for start, library in _VERSIONS if library and version.startswith(start)), None)


def library_of_symbol(symbol: str, namespace: str) -> str | None:
    """Return the library whose names are like a symbol, whose outermost namespace is given."""
    if symbol.startswith("_Z"):
        return _NAMESPACES.get(namespace)
    return next((library for pattern, library in _PREFIXES if re.match(pattern, symbol)), None)

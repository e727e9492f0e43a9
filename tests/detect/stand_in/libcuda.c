/* A stand-in for libcuda.so.1: it answers cuDriverGetVersion with the number that it was compiled with. */
int cuDriverGetVersion(int *version) {
#ifdef FAILS_WITH
    (void)version;
    return FAILS_WITH;
#else
    *version = CUDA_NUMBER;
    return 0;
#endif
}

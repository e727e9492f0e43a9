__global__ void kernel_3(int *value) { *value = 40 + 3; }

extern "C" int add_3(int *result) {
    int *there = nullptr;
    cudaError_t status = cudaMalloc(&there, sizeof(int));
    if (status != cudaSuccess) return status;
    kernel_3<<<1, 1>>>(there);
    status = cudaGetLastError();
    if (status == cudaSuccess) status = cudaMemcpy(result, there, sizeof(int), cudaMemcpyDeviceToHost);
    cudaFree(there);
    return status;
}

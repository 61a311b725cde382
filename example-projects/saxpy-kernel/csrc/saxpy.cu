/* y = a * x + y on the GPU, for float32 buffers of Python. Importing it needs no GPU and no driver. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <cuda_runtime_api.h>

__global__ void saxpy(Py_ssize_t n, float a, const float *x, float *y)
{
    Py_ssize_t i = (Py_ssize_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i] + y[i];
}

static cudaError_t run(Py_ssize_t n, float a, const float *x, float *y)
{
    const size_t size = n * sizeof(float);
    const unsigned threads = 256, blocks = (unsigned)((n + threads - 1) / threads);
    float *gpu_x = NULL, *gpu_y = NULL;
    cudaError_t error = cudaMalloc((void **)&gpu_x, size);
    if (error == cudaSuccess) error = cudaMalloc((void **)&gpu_y, size);
    if (error == cudaSuccess) error = cudaMemcpy(gpu_x, x, size, cudaMemcpyHostToDevice);
    if (error == cudaSuccess) error = cudaMemcpy(gpu_y, y, size, cudaMemcpyHostToDevice);
    if (error == cudaSuccess) {
        saxpy<<<blocks, threads>>>(n, a, gpu_x, gpu_y);
        error = cudaGetLastError();
    }
    if (error == cudaSuccess) error = cudaMemcpy(y, gpu_y, size, cudaMemcpyDeviceToHost);
    cudaFree(gpu_x);
    cudaFree(gpu_y);
    return error;
}

static PyObject *raise(cudaError_t error)
{
    return PyErr_Format(PyExc_RuntimeError, "%s: %s", cudaGetErrorName(error), cudaGetErrorString(error));
}

static PyObject *py_saxpy(PyObject *, PyObject *arguments)
{
    float a;
    Py_buffer x, y;
    if (!PyArg_ParseTuple(arguments, "fy*w*", &a, &x, &y)) return NULL;
    PyObject *result = NULL;
    if (x.len != y.len || x.len % sizeof(float) != 0)
        PyErr_SetString(PyExc_ValueError, "wanted two float32 buffers of one length");
    else {
        cudaError_t error = x.len == 0 ? cudaSuccess : run(x.len / sizeof(float), a, (float *)x.buf, (float *)y.buf);
        result = error == cudaSuccess ? Py_NewRef(Py_None) : raise(error);
    }
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    return result;
}

static PyObject *py_device_count(PyObject *, PyObject *)
{
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver) count = 0;
    else if (error != cudaSuccess) return raise(error);
    return PyLong_FromLong(count);
}

static PyObject *py_compiled_with(PyObject *, PyObject *)
{
    return Py_BuildValue("(ii)", __CUDACC_VER_MAJOR__, __CUDACC_VER_MINOR__);
}

static PyMethodDef methods[] = {
    {"saxpy", py_saxpy, METH_VARARGS, "saxpy(a, x, y): y = a * x + y, in place; RuntimeError where the GPU fails."},
    {"device_count", py_device_count, METH_NOARGS, "The number of GPUs; 0 without a driver that serves this CUDA."},
    {"compiled_with", py_compiled_with, METH_NOARGS, "The release of the nvcc that compiled this file."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_saxpy", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__saxpy(void)
{
    return PyModule_Create(&module);
}

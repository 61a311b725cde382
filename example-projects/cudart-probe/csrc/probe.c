/* cudart_probe._probe: asks the CUDA runtime for its version. Without CUDA every answer is None. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifdef CUDART_PROBE_WITH_CUDA
#include <cuda_runtime_api.h>
#include <dlfcn.h>

static PyObject *ask(cudaError_t (*question)(int *))
{
    int answer = 0;
    cudaError_t error = question(&answer);
    if (error == cudaErrorInsufficientDriver) { /* CUDA 11 does not even tell its own version */
        answer = 0;
    } else if (error != cudaSuccess) {
        PyErr_SetString(PyExc_RuntimeError, cudaGetErrorString(error));
        return NULL;
    }
    return PyLong_FromLong(answer);
}

static PyObject *runtime_version(PyObject *self, PyObject *args)
{
    return ask(cudaRuntimeGetVersion);
}

static PyObject *driver_version(PyObject *self, PyObject *args)
{
    return ask(cudaDriverGetVersion);
}

static PyObject *headers_version(PyObject *self, PyObject *args)
{
    return PyLong_FromLong(CUDART_VERSION);
}

static PyObject *runtime_library(PyObject *self, PyObject *args)
{
    Dl_info found;
    if (dladdr((void *)cudaRuntimeGetVersion, &found) == 0) {
        PyErr_SetString(PyExc_RuntimeError, "the loader does not know where the CUDA runtime came from");
        return NULL;
    }
    return PyUnicode_DecodeFSDefault(found.dli_fname);
}
#else
static PyObject *none(PyObject *self, PyObject *args)
{
    Py_RETURN_NONE;
}
#define runtime_version none
#define driver_version none
#define headers_version none
#define runtime_library none
#endif

static PyMethodDef methods[] = {
    {"runtime_version", runtime_version, METH_NOARGS,
     "Version of the CUDA runtime that was loaded, such as 12060; 0 where it tells none without a driver (CUDA 11)."},
    {"runtime_library", runtime_library, METH_NOARGS,
     "File of the CUDA runtime that was loaded."},
    {"driver_version", driver_version, METH_NOARGS,
     "Newest CUDA that the installed driver supports, such as 13000; 0 without a driver."},
    {"headers_version", headers_version, METH_NOARGS,
     "Version of the CUDA headers this module was compiled with, such as 12060."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "cudart_probe._probe",
    .m_doc = "CUDA versions, as the compiler and the CUDA runtime saw them.",
    .m_size = 0,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__probe(void)
{
    return PyModuleDef_Init(&module);
}

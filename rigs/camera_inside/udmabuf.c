/* Preloaded: /dev/udmabuf without a /dev, for libcamera's virtual camera.

It keeps its pictures in DMA buffers, and has /dev/udmabuf make them of ordinary memory. Few containers have that
device, and the folder that the rig runs in has none at all. A buffer made of memory can as well be that memory: it is
mapped alike. So the device opens as nothing in particular, and to make a buffer is to hand out another descriptor of the
memory it was to be made of. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>

static int open_by(const char *name, const char *path, int flags, mode_t mode)
{
	if (strcmp(path, "/dev/udmabuf") == 0)
		return memfd_create("udmabuf", MFD_CLOEXEC);
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
	return real(path, flags, mode);
}

/* Python and libcamera call the one or the other, by how they were compiled. */
#define OPEN(name)                                        \
	int name(const char *path, int flags, ...)            \
	{                                                     \
		mode_t mode = 0;                                  \
		if (flags & (O_CREAT | __O_TMPFILE)) {            \
			va_list rest;                                 \
			va_start(rest, flags);                        \
			mode = va_arg(rest, mode_t);                  \
			va_end(rest);                                 \
		}                                                 \
		return open_by(#name, path, flags, mode);         \
	}
OPEN(open)
OPEN(open64)

int ioctl(int descriptor, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	/* Sign-extended by some callers, so only the 32 bits that a request has count. */
	if ((unsigned)request == (unsigned)UDMABUF_CREATE)
		return fcntl(((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
	if ((unsigned)request == (unsigned)DMA_BUF_IOCTL_SYNC)
		return 0; /* ordinary memory is always in step */
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	return real(descriptor, request, argument);
}

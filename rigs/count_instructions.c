/* QEMU plugin: how many AArch64 instructions a program executes, and how many of them are int8 dot products.

   Writes "total dot\n" into the file named by COUNT_OUT whenever the program calls getppid, so that what lies between two
   such marks is told apart from the start and the set-up. A block of code is looked at once, when QEMU translates it;
   after that only additions run, so that counting slows the emulation by little.

   Debian ships no header for QEMU's plugins (docs/devel/tcg-plugins.rst), so what is used of interface version 1 is
   declared here. */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct block;       /* a run of instructions that is always executed whole */
struct instruction;
enum { INLINE_ADD = 0, GETPPID = 173 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct block *));
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int operation, void *counter, uint64_t operand);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, void (*)(plugin_id, unsigned vcpu, int64_t number,
    uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
extern size_t qemu_plugin_tb_n_insns(const struct block *);
extern struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t index);
extern const void *qemu_plugin_insn_data(const struct instruction *);

EXPORT int qemu_plugin_version = 1;

static uint64_t total, dot;
static FILE *out;

/* SDOT and UDOT, by vector and by element (Arm Architecture Reference Manual, C7.2). */
static int is_dot(uint32_t word)
{
    return (word & 0x9fe0fc00) == 0x0e809400 || (word & 0x9fc0f400) == 0x0f80e000;
}

static void translated(plugin_id id, struct block *block)
{
    size_t length = qemu_plugin_tb_n_insns(block);
    uint64_t dots = 0;
    (void)id;
    for (size_t index = 0; index < length; index++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, index)), sizeof word);
        dots += is_dot(word);
    }
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &total, length);
    if (dots)
        qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &dot, dots);
}

static void called(plugin_id id, unsigned vcpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                   uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)vcpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number == GETPPID) {
        fprintf(out, "%" PRIu64 " %" PRIu64 "\n", total, dot);
        fflush(out);
    }
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    const char *path = getenv("COUNT_OUT");
    (void)info;
    (void)argc;
    (void)argv;
    out = path ? fopen(path, "w") : stderr;
    if (!out)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}

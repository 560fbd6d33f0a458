"""The calls to the kernel that a program in a container may make, by what they are for.

They are those that Docker's and Podman's own profiles both let through on x86-64 and arm64, and those since then that
both let through in their newest: so no engine's own choice is weakened. What we forbid ourselves
(`nova_spi.engines.process.isolation.seccomp`) is not among them; what 32-bit programs alone call is not either.
"""

ALLOWED = {
    "processes": """
        capget capset execve execveat exit exit_group fork getegid geteuid getgid getgroups getpgid getpgrp getpid
        getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid getuid ioprio_get ioprio_set kill
        pidfd_open pidfd_send_signal prctl prlimit64 process_mrelease rt_sigqueueinfo rt_tgsigqueueinfo setfsgid
        setfsuid setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid
        tgkill times tkill umask vfork wait4 waitid
    """,
    "threads": """
        arch_prctl futex futex_requeue futex_wait futex_waitv futex_wake get_robust_list getcpu membarrier rseq
        sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
        sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler
        sched_yield set_robust_list set_tid_address
    """,
    "signals": """
        pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait
        sigaltstack signalfd signalfd4
    """,
    "memory": """
        brk cachestat madvise map_shadow_stack memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mprotect
        mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages
    """,
    "files": """
        access chdir chown close close_range copy_file_range dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate
        fchdir fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync
        ftruncate futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init
        inotify_init1 inotify_rm_watch lchown lgetxattr link linkat listxattr listxattrat llistxattr lremovexattr
        lseek lsetxattr lstat mkdir mkdirat newfstatat pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
        readahead readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile
        setxattr setxattrat splice stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate
        unlink unlinkat utime utimensat utimes write writev
    """,
    "waiting": """
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 io_cancel
        io_destroy io_getevents io_setup io_submit pipe pipe2 poll ppoll pselect6 select
    """,
    "sockets": """
        accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg
        sendmsg sendto setsockopt shutdown
    """,
    "its own namespace of ipc": """
        mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl
        semget semop semtimedop shmat shmctl shmdt shmget
    """,
    "time": """
        alarm clock_adjtime clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer
        time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
        timerfd_settime
    """,
    "the machine": "getrandom sysinfo uname",
    "less rights for itself": "landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp",
}
"""What for -> their names."""

TRACING = ("kcmp", "process_vm_readv", "process_vm_writev", "ptrace")
"""What a debugger needs; it reaches the container's own processes alone."""

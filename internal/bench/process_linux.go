package bench

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpuOf returns the user and system time of all threads that the process ever had; 0 is this process. It reads the process's own CPU
// clock (clock_getcpuclockid), which counts nanoseconds where /proc/<pid>/stat counts hundredths of a second.
func cpuOf(pid int) (time.Duration, error) {
	clock := int32(unix.CLOCK_PROCESS_CPUTIME_ID)
	if pid != 0 {
		const sched = 2
		clock = ^int32(pid)<<3 | sched
	}
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, fmt.Errorf("reading the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// memoryOf returns the resident memory of the process in bytes: now, and the most since it started.
func memoryOf(pid int) (now, peak int64, err error) {
	file := fmt.Sprintf("/proc/%d/status", pid)
	read := func(name string) int64 {
		kib, e := strconv.ParseInt(strings.TrimSuffix(procField(file, name), " kB"), 10, 64)
		if e != nil && err == nil {
			err = fmt.Errorf("reading %s of %s: %w", name, file, e)
		}
		return kib << 10
	}
	return read("VmRSS"), read("VmHWM"), err
}

// tie makes the process end with this one.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

package awstest

import (
	"os/exec"
	"syscall"
)

// tie makes the process die with the test, also when a test binary that ran into its time limit cleans nothing up.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

//go:build !linux

package harness

import "os/exec"

func tie(*exec.Cmd) {}

//go:build !linux

package awstest

import "os/exec"

func tie(*exec.Cmd) {}

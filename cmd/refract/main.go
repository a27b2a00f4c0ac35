// Command refract takes product events, keeps them, exports them into a lake and answers SQL over it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/platform/fault"
)

// version is set at build time.
var version = "dev"

// Exit statuses, told in the help of the root command.
const (
	exitOK        = 0
	exitNo        = 1 // the command worked and its answer is no
	exitSetup     = 2 // wrong use, or something that the user must change
	exitTransient = 3 // trying again later can help
	exitBug       = 4
)

// errNo ends a command whose answer is no; the command has said why itself.
var errNo = errors.New("")

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// What fails before a command begins is a mistake in how it was called.
	began := false
	root := newRoot()
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errNo) {
		return exitNo
	}
	fmt.Fprintln(os.Stderr, "refract:", err)
	if !began {
		return exitSetup
	}
	return exitStatus(err)
}

func exitStatus(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitSetup
	}
	class := fault.ClassOf(err).String()
	if f, ok := errors.AsType[*control.Failure](err); ok {
		class = f.Class
	}
	switch class {
	case fault.Setup.String(), fault.Poison.String():
		return exitSetup
	case fault.Transient.String():
		return exitTransient
	}
	return exitBug
}

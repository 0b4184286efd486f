// Tidemark reads events from Kafka, cleans them, and keeps exact rollups of them in Elasticsearch.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidemark/tidemark/sidecar/config"
)

// Exit statuses.
const (
	exitFailure       = 1
	exitConfiguration = 2   // the configuration or the command line is wrong
	exitInterrupted   = 130 // a signal came before the command was done
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCommand() //nolint:contextcheck // the commands take theirs from cobra
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	checkArguments(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		_, _ = fmt.Fprintln(stderr, problems)
		return exitConfiguration
	case errors.As(err, new(usageError)) || strings.HasPrefix(err.Error(), "unknown command"):
		_, _ = fmt.Fprintf(stderr, "tidemark: %v\n", err)
		return exitConfiguration
	case errors.As(err, new(interruptedError)):
		_, _ = fmt.Fprintf(stderr, "tidemark: interrupted: %v\n", err)
		return exitInterrupted
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(stderr, "tidemark: interrupted")
		return exitInterrupted
	default:
		_, _ = fmt.Fprintf(stderr, "tidemark: %v\n", err)
		return exitFailure
	}
}

// usageError is a command line that cannot be carried out.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// interruptedError is what a command that was interrupted has to say about it.
type interruptedError struct{ error }

func (e interruptedError) Unwrap() error { return e.error }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "tidemark",
		Short:         "Exact rollups between Kafka and Grafana",
		Long:          "Tidemark reads events from Kafka, cleans them, and keeps exact rollups of them in Elasticsearch, where the Tidemark data source of Grafana reads them.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see %s --help", err, c.CommandPath())}
	})
	logging := &logOptions{}
	root.PersistentFlags().StringVar(&logging.level, "log-level", "info", "what is logged: debug, info, warn or error")
	root.PersistentFlags().StringVar(&logging.format, "log-format", "text", "how it is logged: text or json")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if _, err := logging.handler(io.Discard); err != nil {
			return err
		}
		return checkFilled(c.Flags())
	}
	root.AddCommand(newRunCommand(logging), newDemoCommand(logging), newCollectCommand(logging), newValidateCommand(), newSetupCommand(logging), newReplayCommand(logging), newVerifyCommand(logging), newDownsampleCommand(logging), newBenchCommand(logging), newVersionCommand())
	return root
}

// checkArguments makes wrong arguments usage errors, also of the commands that the library adds. These write to where the root does by then.
func checkArguments(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(c *cobra.Command, args []string) error {
				_, _, err := c.Root().Find(args)
				return err
			}
		case "completion":
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() } // the arguments of a command that does nothing are not looked at
		}
		c.Args = usage(c.Args)
	}
}

// checkFilled refuses flags that are given without a value, as by a variable of the shell that is not set: they would widen what a command works on.
func checkFilled(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		empty := f.Value.String() == ""
		if list, ok := f.Value.(pflag.SliceValue); ok {
			empty = len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")
		}
		if empty && err == nil {
			err = usageError{fmt.Errorf("--%s is empty: give a value, or leave the flag out", f.Name)}
		}
	})
	return err
}

// usage makes a wrong number of arguments a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{fmt.Errorf("%w: see %s --help", err, c.CommandPath())}
		}
		return nil
	}
}

// configFlag adds --config, which must be given.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "", "the configuration file (required)")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if *path == "" {
			return usageError{fmt.Errorf("--config is missing: give the configuration file, see %s --help", c.CommandPath())}
		}
		return nil
	}
}

// configured loads the file that --config names and makes the logger that the flags ask for.
func (o *logOptions) configured(c *cobra.Command, path string, checks ...config.Check) (*config.Config, *slog.Logger, error) {
	cfg, err := loadConfig(path, checks...)
	if err != nil {
		return nil, nil, err
	}
	handler, err := o.handler(c.ErrOrStderr())
	if err != nil {
		return nil, nil, err
	}
	return cfg, slog.New(handler), nil
}

type logOptions struct{ level, format string }

// handler gives the handler that the flags ask for.
func (o *logOptions) handler(to io.Writer) (slog.Handler, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: debug, info, warn and error are allowed", o.level)}
	}
	opts := &slog.HandlerOptions{Level: level}
	switch o.format {
	case "text":
		return slog.NewTextHandler(to, opts), nil
	case "json":
		return slog.NewJSONHandler(to, opts), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %q: text and json are allowed", o.format)}
}

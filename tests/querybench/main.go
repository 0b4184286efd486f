// Command querybench measures what the data source's questions cost on a real Elasticsearch, next to the same questions asked of the raw documents.
// `go tool mage benchQueries` runs it.
//
// Everything is measured in one run on one server: rollups with few, more and many events behind them, the raw documents, the viewers of a dashboard, and
// the bytes of both. It only reports; nothing fails for being slow. Where the rollup and the raw documents are of the same events, their answers are
// compared before anything is timed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/tidemark/tidemark/tests/servers"
)

func main() {
	// The data source's messages go to Grafana otherwise.
	log.DefaultLogger = log.NewNullLogger()
	backend.Logger = log.DefaultLogger
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "querybench: %v\n", err)
		os.Exit(1)
	}
}

// run measures what the arguments ask for. Results go to out, what goes on to notes.
func run(ctx context.Context, args []string, out, notes io.Writer) (err error) {
	o, err := parseOptions(args, notes)
	if err != nil {
		return err
	}
	if o.url == "" {
		server, err := servers.StartElasticsearch(ctx, servers.ElasticsearchOptions{Progress: notes, Heap: o.heap})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		o.url = server.URL
	}
	return measure(ctx, o, out, &progress{to: notes})
}

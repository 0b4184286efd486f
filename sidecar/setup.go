package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func newSetupCommand(logging *logOptions) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:     "setup --config FILE",
		Short:   "Install the index templates in Elasticsearch",
		Long:    "Installs an index template for each rollup, the progress index and the definitions. `tidemark run` does the same at its start; this shows\nbeforehand whether it works. Doing it again changes nothing.",
		Example: "  tidemark setup --config tidemark.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := logging.configured(c, path, needStreams)
			if err != nil {
				return err
			}
			client, err := newElasticClient(cfg.Elasticsearch)
			if err != nil {
				return err
			}
			defer client.Close()
			var streams []*stream
			for _, s := range cfg.Streams {
				compiled, err := newStream(s)
				if err != nil {
					return err
				}
				streams = append(streams, compiled)
			}
			prefix := cfg.Elasticsearch.IndexPrefix
			if err := newCatalog(client, prefix, streams, nil, logger).moving(cfg.Elasticsearch).install(c.Context()); err != nil {
				return fmt.Errorf("set up Elasticsearch: %w", err)
			}
			for _, s := range streams {
				for i := range s.definitions {
					d := &s.definitions[i]
					if _, err := fmt.Fprintf(c.OutOrStdout(), "template %s for rollup %s (definition %s)\n", rollup.TemplateName(prefix, d.Name), d.Name, s.hashes[i]); err != nil {
						return err
					}
				}
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "index %s\n", rollup.ProgressIndex(prefix))
			return err
		},
	}
	configFlag(c, &path)
	return c
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
	"github.com/tidemark/tidemark/sidecar/config"
)

// definitions are all that each rollup ever had: documents are still written under an earlier one where a partition, or another sidecar, is behind.
func (c *catalog) definitions(ctx context.Context) (map[string][]rollup.Definition, error) {
	if err := c.client.Refresh(ctx, rollup.ProgressIndex(c.prefix)); err != nil {
		return nil, err
	}
	sources, err := query.LoadDefinitions(ctx, c.prefix, search.Over(c.client))
	if err != nil {
		return nil, err
	}
	known := map[string][]rollup.Definition{}
	for _, source := range sources {
		var doc rollup.DefinitionProgress
		if err := json.Unmarshal(source, &doc); err != nil {
			return nil, fmt.Errorf("read a definition in the progress index: %w", err)
		}
		known[doc.Rollup] = append(known[doc.Rollup], doc.Spec)
	}
	return known, nil
}

// earlier finds the stream whose definitions have the hashes, for a partition that was last read under them. It waits for Elasticsearch.
func (c *catalog) earlier(ctx context.Context, hashes []string) (*stream, error) {
	var sources []json.RawMessage
	err := c.insist(ctx, func() (err error) {
		sources, err = c.search(ctx, streamQuery(hashes))
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.rebuilt(hashes, sources)
}

// streamQuery asks for the settings of the stream whose definitions have the hashes.
func streamQuery(hashes []string) string {
	return fmt.Sprintf(`{"query":{"ids":{"values":[%q]}}}`, streamID(hashes))
}

// rebuilt compiles a stream from its settings in the progress index. That it fails does not change by asking again.
func (c *catalog) rebuilt(hashes []string, sources []json.RawMessage) (*stream, error) {
	if len(sources) == 0 {
		return nil, fmt.Errorf("the partition was last read under definitions (%s) that %s does not hold: restore the earlier configuration", strings.Join(hashes, ", "), rollup.ProgressIndex(c.prefix))
	}
	var doc streamSettings
	if err := json.Unmarshal(sources[0], &doc); err != nil {
		return nil, fmt.Errorf("read earlier definitions: %w", err)
	}
	settings, err := decodeStream(doc.Spec.Settings)
	if err != nil {
		return nil, err
	}
	s, err := newStream(settings)
	if err == nil && !slices.Equal(s.hashes, hashes) {
		err = fmt.Errorf("the earlier definitions of stream %q cannot be rebuilt by this release: start the earlier one with the earlier configuration, stop it, and start this one", settings.Name)
	}
	return s, err
}

// streamSettings keeps a stream's settings in the progress index.
type streamSettings struct {
	Kind      string       `json:"kind"`
	Stream    string       `json:"stream"`
	UpdatedAt int64        `json:"updated_at"`
	Spec      settingsSpec `json:"spec"`
}

type settingsSpec struct {
	Settings string `json:"settings"`
}

func streamID(hashes []string) string { return kindStream + ":" + definitionsID(hashes) }

func encodeStream(s config.Stream) (string, error) {
	text, err := yaml.Marshal(map[string]any{"streams": []config.Stream{s}})
	if err != nil {
		return "", fmt.Errorf("encode stream %q: %w", s.Name, err)
	}
	return strings.ReplaceAll(string(text), "${", "$${"), nil
}

func decodeStream(text string) (config.Stream, error) {
	c, err := config.Parse("earlier definitions", []byte(text), func(string) string { return "" })
	if err != nil {
		return config.Stream{}, fmt.Errorf("read earlier definitions: %w", err)
	}
	if len(c.Streams) != 1 {
		return config.Stream{}, errors.New("read earlier definitions: they hold no stream")
	}
	return c.Streams[0], nil
}

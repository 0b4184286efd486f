package downsample

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// goneAfter is for how long a partition that no tidemark waits for tells nothing before its topic is taken to be gone.
const goneAfter = 24 * time.Hour

// load reads the progress document; without one it is empty.
func (r *round) load(ctx context.Context) error {
	var err error
	r.progress, r.version, err = r.told(ctx)
	return err
}

// unchanged fails with ErrOvertaken where somebody has written the progress document since it was read.
func (r *round) unchanged(ctx context.Context) error {
	_, version, err := r.told(ctx)
	if err == nil && version != r.version {
		err = ErrOvertaken
	}
	return err
}

// told gives the progress document as it is, with its version.
func (r *round) told(ctx context.Context) (progress rollup.TiersProgress, version int64, err error) {
	progress = rollup.TiersProgress{Kind: rollup.KindTiers, Rollup: r.entry.Rollup}
	index := rollup.ProgressIndex(r.Prefix)
	if err := r.store.Refresh(ctx, index); err != nil {
		return progress, 0, err
	}
	body, err := json.Marshal(object{"version": true, "query": object{"ids": object{"values": []string{progress.ID()}}}})
	if err != nil {
		return progress, 0, fmt.Errorf("ask for the progress of tiers: %w", err)
	}
	response, err := r.store.Search(ctx, elastic.SearchRequest{Indices: []string{index}, Body: body, Complete: true})
	if err != nil || len(response.Hits.Hits) == 0 {
		return progress, 0, err
	}
	if err := json.Unmarshal(response.Hits.Hits[0].Source, &progress); err != nil {
		return progress, 0, fmt.Errorf("read the progress of tiers of rollup %q: %w", r.entry.Rollup, err)
	}
	return progress, response.Hits.Hits[0].Version, nil
}

// save writes the progress document, where nobody else has since it was read.
func (r *round) save(ctx context.Context) error {
	r.progress.UpdatedAt = r.Now().UnixMilli()
	if err := r.put(ctx, r.progress.ID(), r.version+1, &r.progress); err != nil {
		return err
	}
	r.version++
	return nil
}

// put writes a document of the progress index under a version that must be larger than the one that is there, or ErrOvertaken is the error.
func (r *round) put(ctx context.Context, id string, version int64, doc any) error {
	source, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode progress document %s: %w", id, err)
	}
	action, err := json.Marshal(object{"index": object{"_index": rollup.ProgressIndex(r.Prefix), "_id": id, "version": version, "version_type": "external"}})
	if err != nil {
		return fmt.Errorf("encode progress document %s: %w", id, err)
	}
	response, err := r.store.Bulk(ctx, slices.Concat(action, []byte("\n"), source, []byte("\n")))
	if err != nil {
		return err
	}
	for _, item := range response.Items {
		if item.Err != nil && item.Err.Superseded() {
			return ErrOvertaken
		}
		if item.Err != nil {
			return fmt.Errorf("write progress document %s: %w", id, item.Err)
		}
	}
	return nil
}

// begin brings the list of tiers in line with the configured ones. A tier that is new begins with the first documents there are; one that is not configured
// any more is forgotten, since nobody keeps it up to date.
func (r *round) begin(ctx context.Context) error {
	spec := &r.progress.Spec
	var tiers []rollup.TierProgress
	for i, t := range r.entry.Spec.Chain() {
		if known := spec.Tier(t); known != nil && (i == 0) == (known.Tier == spec.Tiers[0].Tier) {
			tiers = append(tiers, *known)
			continue
		}
		p := rollup.TierProgress{Tier: t}
		if i > 0 {
			p.Removed = t.StartFrom(tiers[i-1].Removed)
			first, found, err := r.first(ctx, nil)
			if err != nil {
				return err
			}
			if !found {
				return nil
			}
			p.Through = max(p.Removed, t.Start(first))
		} else if len(spec.Tiers) > 0 {
			p.Removed = t.StartFrom(spec.Tiers[0].Removed)
		}
		p.From = p.Removed
		tiers = append(tiers, p)
	}
	same := len(tiers) == len(spec.Tiers)
	for i := range tiers {
		same = same && tiers[i].Tier == spec.Tiers[i].Tier
	}
	if same {
		return nil
	}
	spec.Tiers = tiers
	spec.Advance(r.Now().UnixMilli())
	return r.save(ctx)
}

// first is the start of the earliest window that a partition wrote something of, or any. It is false where there is none.
func (r *round) first(ctx context.Context, p *rollup.PartitionProgress) (int64, bool, error) {
	first := int64(math.MaxInt64)
	for i := range r.entry.Definitions {
		d := &r.entry.Definitions[i].Spec
		filter := []object{term(rollup.FieldDefinition, r.entry.Definitions[i].Definition)}
		if p != nil {
			filter = append(filter, ofPartition(p)...)
		}
		var answer struct {
			First struct {
				Value *float64 `json:"value"`
			} `json:"first"`
		}
		aggregations := object{"first": object{"min": object{"field": rollup.FieldTime}}}
		for _, t := range d.Chain() {
			if err := r.aggregate(ctx, rollup.IndexPattern(r.Prefix, d.Name, t), object{"filter": filter}, aggregations, &answer); err != nil {
				return 0, false, err
			}
			if v := answer.First.Value; v != nil {
				first = min(first, int64(*v))
			}
		}
	}
	return first, first != math.MaxInt64, nil
}

func ofPartition(p *rollup.PartitionProgress) []object {
	return []object{term(rollup.FieldPartition, p.Partition), term(rollup.FieldTopicID, p.TopicID)}
}

// cover looks for partitions that appeared, or whose topic was made anew: what they wrote on time can be of windows that are made already. When a partition is
// sealed as far as these, they are made anew.
func (r *round) cover(ctx context.Context) error {
	spec := &r.progress.Spec
	if len(spec.Tiers) < 2 {
		return nil
	}
	through, began := r.reached(), len(spec.Covered) > 0
	changed := false
	for i := range r.entry.Progress {
		p := &r.entry.Progress[i]
		if slices.Contains(spec.Covered, p.ID()) {
			continue
		}
		if !r.caughtUp(p, through) {
			r.behind = append(r.behind, p)
			continue
		}
		if began {
			first, found, err := r.first(ctx, p)
			if err != nil {
				return err
			}
			if found {
				if err := r.promote(ctx, p, first); err != nil {
					return err
				}
				spec.Redo(first, through, r.Now().UnixMilli())
			}
		}
		spec.Covered = append(spec.Covered, p.ID())
		changed = true
	}
	if !changed {
		return nil
	}
	return r.save(ctx)
}

// caughtUp reports whether whatever a partition writes from now on is sealed after a time: what is sealed waits for it, and it is sealed as far itself. One whose
// topic is gone writes nothing more; where the topic was made anew, that is so when the new one has caught up.
func (r *round) caughtUp(p *rollup.PartitionProgress, through int64) bool {
	p = r.newest[p.Partition]
	if !slices.Contains(r.entry.Partitions, p.Partition) {
		return r.Now().UnixMilli()-p.UpdatedAt > goneAfter.Milliseconds()
	}
	return p.SealedThrough != nil && *p.SealedThrough >= through
}

// aggregate carries out an aggregation over the documents of a tier that meet conditions, those of a bool query.
func (r *round) aggregate(ctx context.Context, pattern string, conditions, aggregations object, answer any) error {
	body, err := json.Marshal(object{"size": 0, "track_total_hits": false, "query": object{"bool": conditions}, "aggs": aggregations})
	if err != nil {
		return fmt.Errorf("ask for documents: %w", err)
	}
	response, err := r.store.Search(ctx, elastic.SearchRequest{Indices: []string{pattern}, Body: body, Complete: true})
	if err != nil || len(response.Aggregations) == 0 {
		return err
	}
	if err := json.Unmarshal(response.Aggregations, answer); err != nil {
		return fmt.Errorf("read the answer of Elasticsearch: %w", err)
	}
	return nil
}

// pageGroups is how many groups one answer has at most.
const pageGroups = 5000

// groupsOf puts the documents that meet conditions into groups by sources, those of a composite aggregation, and gives all of them with a value of each.
func groupsOf[G any](ctx context.Context, r *round, pattern string, conditions object, sources []object, value object) ([]G, error) {
	var all []G
	composite := object{"size": pageGroups, "sources": sources}
	for {
		var answer struct {
			Groups struct {
				After   json.RawMessage `json:"after_key"`
				Buckets []G             `json:"buckets"`
			} `json:"groups"`
		}
		aggregations := object{"groups": object{"composite": composite, "aggs": object{"value": value}}}
		if err := r.aggregate(ctx, pattern, conditions, aggregations, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Groups.Buckets...)
		if len(answer.Groups.Buckets) < pageGroups || answer.Groups.After == nil {
			return all, nil
		}
		composite["after"] = answer.Groups.After
	}
}

type object map[string]any

func term(field string, value any) object { return object{"term": object{field: value}} }

// within is the documents with a time in [from, to).
func within(field string, from, to int64) object {
	return object{"range": object{field: object{"gte": from, "lt": to, "format": "epoch_millis"}}}
}

package chaos

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// place is where a record is in the topic.
type place struct {
	partition int32
	offset    int64
}

// letters are the dead letters, by what they say of their origin, and how often each is there.
type letters map[place]int

// readLetters reads the dead-letter topic to its end.
func readLetters(ctx context.Context, kafka string) (letters, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.AlwaysRetryEOF(), kgo.ConsumeTopics(deadLetters))
	if err != nil {
		return nil, fmt.Errorf("set up a consumer: %w", err)
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, deadLetters)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find where the dead letters end: %w", err)
	}
	left := int64(0)
	listed.Each(func(o kadm.ListedOffset) { left += o.Offset })
	found := letters{}
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read the dead letters: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			at := place{partition: -1, offset: -1}
			for _, h := range r.Headers {
				n, err := strconv.ParseInt(string(h.Value), 10, 64)
				switch {
				case err != nil:
				case h.Key == "partition":
					at.partition = int32(n)
				case h.Key == "offset":
					at.offset = n
				}
			}
			found[at]++
		})
	}
	return found, nil
}

// compare says what differs from the places of the events that cannot be counted: each has a letter or more, and no other event has one.
func (l letters) compare(bad []place) (differences []string) {
	wanted := map[place]bool{}
	for _, at := range bad {
		wanted[at] = true
		if l[at] == 0 {
			differences = append(differences, fmt.Sprintf("the event that cannot be counted at offset %d of %s/%d is not among the dead letters", at.offset, topic, at.partition))
		}
	}
	for at := range l {
		if !wanted[at] {
			differences = append(differences, fmt.Sprintf("a dead letter is about offset %d of %s/%d, where nothing is wrong", at.offset, topic, at.partition))
		}
	}
	slices.Sort(differences)
	return differences
}

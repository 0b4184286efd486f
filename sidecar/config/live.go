package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// liveSuffix ends the name of a group's live topic.
const liveSuffix = ".live"

// TopicOf is the live topic of a group: the configured one, or the group's name and ".live". What a topic's name cannot have is replaced in it, and a hash
// keeps it apart from other groups' then.
func (l *Live) TopicOf(group string) string {
	if l.Topic != "" {
		return l.Topic
	}
	if name := group + liveSuffix; topicPattern.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(group))
	name := strings.Map(func(r rune) rune {
		if topicPattern.MatchString(string(r)) {
			return r
		}
		return '_'
	}, group)
	return name[:min(len(name), 200)] + "." + hex.EncodeToString(sum[:4]) + liveSuffix
}

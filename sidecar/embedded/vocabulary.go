package embedded

// vocabulary numbers the words of a field over a whole search, since each chunk numbers its own.
type vocabulary struct {
	words []string
	ids   map[string]int64
}

func newVocabulary() *vocabulary { return &vocabulary{ids: map[string]int64{}} }

func (v *vocabulary) id(word string) int64 {
	id, ok := v.ids[word]
	if !ok {
		id = int64(len(v.words))
		v.ids[word] = id
		v.words = append(v.words, word)
	}
	return id
}

// translate numbers the words of a chunk's column, by their codes there.
func (v *vocabulary) translate(col *column) []int64 {
	if col == nil || col.kind != keywordKind {
		return nil
	}
	ids := make([]int64, len(col.words))
	for code, word := range col.words {
		ids[code] = v.id(word)
	}
	return ids
}

// number is a value of a bound column as the search numbers it.
func (b *bound) number(v int64) int64 {
	if b.ids != nil {
		return b.ids[v]
	}
	return v
}

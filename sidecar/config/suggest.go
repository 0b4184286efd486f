package config

import "slices"

// suggest gives the allowed key that was probably meant; empty where there is none.
func suggest(key string, allowed []string) string {
	best, closest := "", 3
	for _, candidate := range allowed {
		if distance := editDistance(key, candidate); distance < closest && distance < len(candidate) {
			best, closest = candidate, distance
		}
	}
	return best
}

// editDistance is how many letters must be added, removed or changed to make b of a; keys are short, and what is longer is far away.
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			change := previous[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, previous[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

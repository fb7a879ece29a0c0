package torznab

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// episode is S01E02, S01E02E03, S01 or 1x02 as a word of a name.
	episode = regexp.MustCompile(`^(?:s[0-9]{1,4}(?:e[0-9]{1,4})*|[0-9]{1,2}x[0-9]{2,3})$`)
	season  = regexp.MustCompile(`\bseasons? [0-9]{1,2}\b`)
	year    = regexp.MustCompile(`^(?:19|20)[0-9]{2}$`)
)

// videoNumbers tell films from series by the signs that their names carry: an episode, a season or a whole date
// is television, a year without them is a film. What shows neither is in both: a tool that looks for it knows its
// title. Without a resolution it counts as SD.
func videoNumbers(words []string, m marks) []int {
	switch {
	case m.any(adult...):
		return []int{6000, 6070}
	case m.any("anime"):
		return []int{5000, 5070, 5000 + quality(m)}
	case slices.ContainsFunc(words, episode.MatchString) || dated(words) || season.MatchString(strings.Join(words, " ")):
		return []int{5000, 5000 + quality(m)}
	case m.any("movie", "movies", "film", "films"):
		return []int{2000, 2000 + quality(m)}
	case m.any("tv", "hdtv", "series", "sitcom"):
		return []int{5000, 5000 + quality(m)}
	case slices.ContainsFunc(words, year.MatchString):
		return []int{2000, 2000 + quality(m)}
	}
	return []int{2000, 2000 + quality(m), 5000, 5000 + quality(m)}
}

// quality is how far a resolution's category is behind its parent.
func quality(m marks) int {
	switch {
	case m.any("2160p", "4320p", "4k", "uhd"):
		return 45
	case m.any("1080p", "1080i", "720p", "hd", "bluray", "bdrip", "brrip", "hdtv"):
		return 40
	}
	return 30
}

// dated reports whether year, month and day stand one after the other, as in names of daily shows.
func dated(words []string) bool {
	for i := range max(len(words)-2, 0) {
		if year.MatchString(words[i]) && twoDigits(words[i+1], 12) && twoDigits(words[i+2], 31) {
			return true
		}
	}
	return false
}

func twoDigits(word string, most int) bool {
	n, err := strconv.Atoi(word)
	return err == nil && len(word) == 2 && n >= 1 && n <= most
}

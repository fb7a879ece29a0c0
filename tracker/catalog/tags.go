package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of tags.
const (
	MaxTags     = 8   // of a torrent
	MinTagBytes = 2   // of one
	MaxTagBytes = 24  // likewise
	MaxTagsText = 400 // bytes that people may write
)

// ErrTags: tags cannot be so; the error says what is accepted.
var ErrTags = errors.New("tags")

// tagBytes are what a tag is made of.
const tagBytes = "abcdefghijklmnopqrstuvwxyz0123456789.-"

// ParseTags reads the tags that people write for a torrent, between commas or blanks: in lower case, each
// once, in order of the alphabet. Nothing written is no tags. ErrTags says which one cannot be.
func ParseTags(text string) ([]string, error) {
	if len(text) > MaxTagsText {
		return nil, fmt.Errorf("%w: write at most %d bytes", ErrTags, MaxTagsText)
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r' })
	slices.Sort(words)
	tags := slices.Compact(words)
	for _, tag := range tags {
		if !ValidTag(tag) {
			return nil, fmt.Errorf("%w: %s is none: a tag has %d to %d of a-z, 0-9, . and -, and begins and ends with a letter or digit",
				ErrTags, show(tag), MinTagBytes, MaxTagBytes)
		}
	}
	if len(tags) > MaxTags {
		return nil, fmt.Errorf("%w: %d are written, a torrent has at most %d", ErrTags, len(tags), MaxTags)
	}
	return tags, nil
}

// ValidTag reports whether a text is a tag as ParseTags returns it.
func ValidTag(tag string) bool {
	return len(tag) >= MinTagBytes && len(tag) <= MaxTagBytes && strings.Trim(tag, tagBytes) == "" && strings.Trim(tag, ".-") == tag
}

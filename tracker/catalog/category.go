package catalog

import "slices"

// Category says what kind of thing a torrent is. People choose it when they upload; nothing is decided
// by it but lists, and what hosts are interested in.
type Category string

// Other is the category of what fits nowhere else, and of what nobody chose one for.
const Other Category = "other"

// Categories returns all of them, in the order of forms.
func Categories() []Category {
	return []Category{"games", "software", "models", "datasets", "books", "audio", "video", "images", "web", Other}
}

// ParseCategory returns the category of that name; the empty text is Other.
func ParseCategory(text string) (c Category, ok bool) {
	if text == "" {
		return Other, true
	}
	return Category(text), slices.Contains(Categories(), Category(text))
}

package web

import (
	"net/http"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// parseCategory reads a category that people choose; none is catalog.Other.
func parseCategory(text string) (catalog.Category, error) {
	c, ok := catalog.ParseCategory(text)
	if !ok {
		return "", fail(http.StatusUnprocessableEntity, "category", "category must be one of: %s.", categoryNames())
	}
	return c, nil
}

func categoryNames() string {
	var names []string
	for _, c := range catalog.Categories() {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

package web

import (
	"net/http"
	"slices"
	"strconv"
)

// pageOf is the page that a request asks for of a list that is short as a whole: the rows behind the one whose
// key is the cursor. What ended meanwhile cannot be gone on from.
func pageOf[T any](r *http.Request, list []T, key func(T) string) (page []T, next string, err error) {
	limit, err := pageLimit(r)
	if err != nil {
		return nil, "", err
	}
	if cursor := r.URL.Query().Get("cursor"); cursor != "" {
		i := slices.IndexFunc(list, func(x T) bool { return key(x) == cursor })
		if i < 0 {
			return nil, "", errCursor
		}
		list = list[i+1:]
	}
	if len(list) > limit {
		return list[:limit], key(list[limit-1]), nil
	}
	return list, "", nil
}

// placeIn is the place in a list by number, and how long its page is.
func placeIn(r *http.Request) (before int64, limit int, err error) {
	if before, err = parseBefore(r); err != nil {
		return 0, 0, err
	}
	limit, err = pageLimit(r)
	return before, limit, err
}

func numberKey(id int64) string { return strconv.FormatInt(id, 10) }

// views makes what is shown of every row; the result is never nil.
func views[T, V any](list []T, view func(T) V) []V {
	out := make([]V, 0, len(list))
	for _, x := range list {
		out = append(out, view(x))
	}
	return out
}

// done answers that something was done of which there is nothing to tell.
func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

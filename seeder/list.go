package seeder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxList bounds the entries of a list in a server's answer: each costs many times the bytes of the
// shortest that is one.
const maxList = 50_000

// List is a list in a server's answer.
type List[T any] []T

// UnmarshalJSON refuses a list that is too long before there is memory for it.
func (l *List[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	begin, err := dec.Token()
	if err != nil {
		return err
	}
	*l = nil
	if begin == nil {
		return nil
	}
	if begin != json.Delim('[') {
		return errors.New("want a list")
	}
	for dec.More() {
		if len(*l) >= maxList {
			return fmt.Errorf("a list has more than %d entries", maxList)
		}
		var v T
		if err := dec.Decode(&v); err != nil {
			return err
		}
		*l = append(*l, v)
	}
	return nil
}

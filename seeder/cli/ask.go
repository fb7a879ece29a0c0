package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// maxAnswer bounds a line that is typed, and maxAsked how often a question is put again.
const (
	maxAnswer = 4096
	maxAsked  = 5
)

// ask puts a question until accept takes the answer. Callers make sure that somebody is there (terminal).
func ask(c *cobra.Command, question string, accept func(string) error) error {
	in := bufio.NewReader(io.LimitReader(c.InOrStdin(), maxAsked*maxAnswer))
	var err error
	for range maxAsked {
		fmt.Fprintf(c.ErrOrStderr(), "%s ", question)
		line, readErr := in.ReadString('\n')
		if readErr != nil {
			return fmt.Errorf("no answer was given: %w", readErr)
		}
		if err = accept(strings.TrimSpace(line)); err == nil {
			return nil
		}
		fmt.Fprintf(c.ErrOrStderr(), "%v\n", err)
	}
	return err
}

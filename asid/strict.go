// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errNull = errors.New("null stands where a value belongs")

// unmarshal reads one JSON value that every reader reads alike: the package json
// refuses invalid UTF-8, a name twice and what follows the value; this refuses
// null as well, which some readers take for a missing member and others for an
// empty one. Names differ by letter case.
func unmarshal(text []byte, into any, options ...json.Options) error {
	if err := json.Unmarshal(text, into, options...); err != nil {
		return err
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.ReadToken()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case token.Kind() == 'n':
			return errNull
		}
	}
}

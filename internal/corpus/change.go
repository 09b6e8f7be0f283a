// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"fmt"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

const collection = "/STU3/DocumentReference"

// A changeCase is a request of the maintainer's, and what the store has.
type changeCase struct {
	name, clause, rule string
	element            string // of an invalid resource
	method, target     string
	body               *resource
	text               string // in place of body
	contentType        string // nil: the body's; "-": none
	headers            [][2]string
	stored             []testdata.Stored
	after              map[string]string // nil: as before
	fresh              int
	reader             bool   // a system sends it that may only read
	lookup             string // what comes of looking up a stored pointer; empty: the pointer
}

// A stored pointer's master identifiers are of one case alone, so that cases can be
// run one after another at one server.
func (g *generator) stored(n int, id, custodian, status string) testdata.Stored {
	f := form{}
	r := f.document(storedIdentifier(n, id))
	r.replace("custodian", r.organisation("custodian", custodian))
	r.replace("author", r.organisation("author", custodian))
	return testdata.Stored{ID: id, Version: "1", Status: status, Custodian: custodian, Body: r.String()}
}

func storedIdentifier(n int, id string) string {
	return fmt.Sprintf("urn:corpus:%d:%s", n, strings.Replace(id, "corpus-id-", "pointer-", 1)) // an id is put in the place of the corpus' own
}

// A storer describes a stored pointer of a case.
type storer func(id, custodian, status string) testdata.Stored

type changeAdder func(build func(n int, s storer) changeCase)

const (
	oldID, otherID = "corpus-id-1", "corpus-id-2" // of the stored pointers
	isCurrent      = "current"
	inError        = "entered-in-error"
	superseded     = "superseded"
)

// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// write answers with a resource in the format that r asks for.
func write(w http.ResponseWriter, r *http.Request, status int, e *element) {
	mediaType := outcome.MediaType(r)
	body, err := e.render(!strings.Contains(mediaType, "json"))
	if err != nil {
		fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// The client may have gone, and the error is then no use to it.
		_, _ = w.Write(body)
	}
}

// instant is the layout of FHIR's instants.
const instant = "2006-01-02T15:04:05.000Z"

// full is the resource with what the store says of it.
func (k *revision) full() *element {
	meta := group("meta", text("versionId", k.pointer.Version), text("lastUpdated", k.updated.UTC().Format(instant)))
	if m := k.resource.find("meta"); m != nil {
		meta.children = append(meta.children, m.children...)
	}
	meta.arrange("Meta", k.resource.edition())
	full := group(fhirpath.DocumentReference, text("id", k.pointer.ID), meta)
	for _, c := range k.resource.without("id", "meta") {
		if c.name == "status" {
			c = text("status", k.pointer.Status)
		}
		full.children = append(full.children, c)
	}
	return full
}

func etagOf(k *revision) string { return `W/"` + k.pointer.Version + `"` }

// done is the OperationOutcome of a change that was made.
func done(code, display, diagnostics string) *element {
	return group("OperationOutcome",
		text("id", newID()),
		group("meta", listed(text("profile", spine.OutcomeProfile))),
		listed(group("issue",
			text("severity", "information"),
			text("code", "informational"),
			group("details",
				listed(group("coding",
					text("system", spine.OutcomeCodeSystem),
					text("code", code),
					text("display", display))),
				text("text", spine.NewUUID())),
			text("diagnostics", diagnostics))))
}

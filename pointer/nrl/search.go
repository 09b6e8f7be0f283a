// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// find answers a search: by _id alone, or by subject with, if wanted, custodian,
// type and identifier, each once at most. Only current pointers are found.
func (s *Store) find(w http.ResponseWriter, r *http.Request, base string) {
	params, err := parameters(r.URL.RawQuery)
	if err != nil {
		fail(w, r, err)
		return
	}
	var found []*revision
	if id, byID := params["_id"]; byID {
		if len(params) > 1 {
			fail(w, r, &parameterError{"_id goes with no other parameter"})
			return
		}
		if k := s.get(id); k != nil && k.pointer.Status == current {
			found = append(found, k)
		}
	} else {
		match, err := s.matcher(params)
		if err != nil {
			fail(w, r, err)
			return
		}
		found = s.search(params["subject"], match)
	}
	query := strings.ToValidUTF8(r.URL.RawQuery, "%EF%BF%BD")
	write(w, r, http.StatusOK, searchset(base, query, found, params["_summary"] == "count"))
}

// parameters reads the query of a search. type.coding is how the specification
// writes the parameter type in its examples.
func parameters(rawQuery string) (map[string]string, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &parameterError{"the query is malformed"}
	}
	params := make(map[string]string)
	for name, list := range values {
		switch name {
		case "_format":
			continue
		case "type.coding":
			name = "type"
		case "_id", "subject", "custodian", "type", "identifier", "_summary":
		default:
			return nil, &parameterError{"the search has a parameter that is not known"}
		}
		if _, twice := params[name]; twice || len(list) != 1 || list[0] == "" {
			return nil, &parameterError{"the parameter " + name + " is not there once, with a value"}
		}
		params[name] = list[0]
	}
	return params, nil
}

// matcher checks the parameters of a search by subject.
func (s *Store) matcher(params map[string]string) (func(*revision) bool, error) {
	nhsNumber, found := strings.CutPrefix(params["subject"], spine.PatientURL)
	if !found {
		return nil, &parameterError{"subject is not " + spine.PatientURL + "[NHS number]"}
	}
	if err := s.knowsPatient(nhsNumber); err != nil {
		return nil, err
	}
	if summary, asked := params["_summary"]; asked && summary != "count" {
		return nil, &parameterError{"_summary is not count"}
	}
	var owner asid.ODSCode
	if custodian, asked := params["custodian"]; asked {
		code, found := strings.CutPrefix(custodian, spine.OrganizationURL)
		var err error
		if owner, err = asid.ParseODSCode(code); !found || err != nil {
			return nil, &parameterError{"custodian is not " + spine.OrganizationURL + "[ODS code]"}
		}
		if s.Organisations != nil && !s.Organisations(owner) {
			return nil, &parameterError{"custodian is not an organisation that is known"}
		}
	}
	pair := func(name string) (system, value string, err error) {
		token, asked := params[name]
		if !asked {
			return "", "", nil
		}
		system, value, _ = strings.Cut(token, "|")
		if system == "" || value == "" || strings.ContainsAny(token, `,\`) || strings.Contains(value, "|") {
			return "", "", &parameterError{name + " is not one [system]|[value]"}
		}
		return system, value, nil
	}
	system, code, err := pair("type")
	if err != nil {
		return nil, err
	}
	var id pointer.Identifier
	if id.System, id.Value, err = pair("identifier"); err != nil {
		return nil, err
	}
	return func(k *revision) bool {
		return (owner.IsZero() || k.pointer.Custodian == owner) &&
			(id.IsZero() || k.pointer.MasterIdentifier == id) &&
			(code == "" || k.hasType(system, code))
	}, nil
}

func (k *revision) hasType(system, code string) bool {
	for _, c := range k.resource.find("type").children {
		if s, v := c.find("system"), c.find("code"); c.name == "coding" && s != nil && v != nil && s.value == system && v.value == code {
			return true
		}
	}
	return false
}

// sharesType reports whether a coding of k's type is one of other's.
func (k *revision) sharesType(other *revision) bool {
	return slices.ContainsFunc(k.resource.find("type").children, func(c *element) bool {
		s, v := c.find("system"), c.find("code")
		return c.name == "coding" && s != nil && v != nil && other.hasType(s.value, v.value)
	})
}

// searchset is the Bundle that answers a search; a count has no entries.
func searchset(base, query string, found []*revision, count bool) *element {
	self := base
	if query != "" {
		self += "?" + query
	}
	b := group("Bundle",
		text("id", newID()),
		text("type", "searchset"),
		&element{name: "total", value: strconv.Itoa(len(found)), literal: true},
		listed(group("link", text("relation", "self"), text("url", self))))
	if count {
		return b
	}
	for _, k := range found {
		b.children = append(b.children, listed(group("entry",
			text("fullUrl", base+"/"+k.pointer.ID),
			group("resource", k.full()),
			group("search", text("mode", "match")))))
	}
	return b
}

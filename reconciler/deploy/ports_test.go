package deploy

import (
	"fmt"
	"strings"
	"testing"
)

func TestParsePortRange_WantsTwoPortsThatMayBeChosen(t *testing.T) {
	for text, want := range map[string]string{
		"21000-21999": "", "1024-65535": "", "21000-21001": "", " 21000 - 21001 ": "",
		"": "such as 21000-21999", "21000": "such as 21000-21999", "21000-": "such as", "a-b": "such as", "21000-70000": "such as", "-1-5": "such as",
		"21999-21000": "write the lower port first: 21000-21999", "1023-2000": "from 1024 to 65535", "21000-21000": "a route needs two",
	} {
		r, err := ParsePortRange(text)
		if want == "" && (err != nil || r.Check() != nil) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, %v, want %q", text, r, err, want)
		}
	}
}

// portless is an app whose file names no ports for these routes.
func portless(name string, routes ...string) App {
	app := App{Name: name, File: name + "/tandem.yaml"}
	for _, r := range routes {
		app.Routes = append(app.Routes, Route{Name: r})
	}
	return app
}

func nobody(int) bool { return false }

func TestPortTable_ChoosesOnceAndLeavesNamedPortsAlone(t *testing.T) {
	table := PortTable{}
	app := portless("shop", "api", "web")
	app.Routes = append(app.Routes, Route{Name: "zoo", Ports: Ports{21001, 3002}})
	got, err := table.Choose(app, PortRange{21000, 21009}, func(port int) bool { return port == 21003 })
	if err != nil {
		t.Fatal(err)
	}
	want := []Route{{Name: "api", Ports: Ports{21000, 21002}, PortsChosen: true}, {Name: "web", Ports: Ports{21004, 21005}, PortsChosen: true}, {Name: "zoo", Ports: Ports{21001, 3002}}}
	if fmt.Sprint(got.Routes) != fmt.Sprint(want) {
		t.Errorf("chosen\n%v, want\n%v", got.Routes, want)
	}
	if app.Routes[0].Ports != (Ports{}) {
		t.Error("the app that was given was changed")
	}
	t.Log("another time, and elsewhere in the repository, they are the same")
	moved := portless("shop", "web")
	moved.File = "other/tandem.yaml"
	if filled, complete := table.Fill(moved); !complete || filled.Routes[0].Ports != (Ports{21004, 21005}) {
		t.Errorf("filled %v, complete %v", filled.Routes, complete)
	}
}

func TestPortTable_WhereTheRangeIsFullNothingIsChosen(t *testing.T) {
	table := PortTable{"blog": {"web": {21000, 21001}}}
	_, err := table.Choose(portless("shop", "api", "web"), PortRange{21000, 21004}, nobody)
	if faults, _ := AsFaults(err); len(faults) != 1 || faults[0].File != "shop/tandem.yaml" || faults[0].Path != "routes.web.ports" || !strings.Contains(faults[0].Text, "21000-21004") {
		t.Errorf("got %v", err)
	}
	if len(table) != 1 {
		t.Errorf("the table is %v", table)
	}
}

func TestPortTable_WhatWasDroppedIsChosenAnewAndTheOtherColorStays(t *testing.T) {
	table := PortTable{"shop": {"api": {21000, 21001}}}
	table.Drop("shop", []int{21000, 3001})
	if _, complete := table.Fill(portless("shop", "api")); complete {
		t.Error("it is complete without a port for blue")
	}
	got, err := table.Choose(portless("shop", "api"), PortRange{21000, 21009}, func(port int) bool { return port == 21000 })
	if err != nil || got.Routes[0].Ports != (Ports{21002, 21001}) {
		t.Errorf("chosen %v, %v", got.Routes, err)
	}
}

func TestPortTable_AdoptsWhatNobodyElseHas(t *testing.T) {
	table := PortTable{"shop": {"api": {21000, 21001}}, "blog": {"web": {21002, 21003}}}
	table.Adopt("shop", map[string]Ports{"api": {21008, 21009}, "web": {21003, 21004}, "more": {21004, 21005}, "half": {21006, 0}, "same": {21006, 21006}})
	if want := (PortTable{"shop": {"api": {21000, 21001}, "more": {21004, 21005}}, "blog": {"web": {21002, 21003}}}); fmt.Sprint(table) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", table, want)
	}
}

func TestPortTable_APortThatWasChosenForAnotherRouteCannotBeNamed(t *testing.T) {
	table := PortTable{"shop": {"api": {21000, 21001}}}
	naming := func(app, route string, more ...string) App {
		a := portless(app, more...)
		a.Routes = append(a.Routes, Route{Name: route, Ports: Ports{3001, 21001}})
		return a
	}
	for name, c := range map[string]struct {
		app  App
		want bool
	}{
		"another app":                             {naming("blog", "api"), true},
		"another route of the app":                {naming("shop", "web", "api"), true},
		"the route itself":                        {naming("shop", "api"), false},
		"a route in the place of one that is not": {naming("shop", "web"), false},
		"nobody": {portless("blog", "api"), false},
	} {
		faults := table.Conflicts(c.app)
		if len(faults) > 0 != c.want {
			t.Errorf("%s: %v", name, faults)
		}
		if c.want && len(faults) > 0 && (!strings.HasSuffix(faults[0].Path, ".ports.green") || !strings.Contains(faults[0].Text, "21001 was chosen by tandem for the route api of the app shop")) {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

func TestPortTable_ThatWasReadIsChecked(t *testing.T) {
	for name, table := range map[string]PortTable{
		"no app": {"../x": {"api": {1, 2}}}, "no route": {"shop": {"": {1, 2}}}, "no port": {"shop": {"api": {-1, 2}}}, "too high": {"shop": {"api": {1, 65536}}},
		"two colors": {"shop": {"api": {1, 1}}}, "two apps": {"shop": {"api": {1, 2}}, "blog": {"api": {3, 2}}},
	} {
		if table.Check() == nil {
			t.Errorf("%s: %v passed", name, table)
		}
	}
	if err := (PortTable{"shop": {"api": {0, 2}, "web": {0, 3}}}).Check(); err != nil {
		t.Error(err)
	}
}

// Whatever is chosen, adopted and given back, in whatever order: no port is two routes'.
func FuzzPortTable(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 250, 17, 99, 64, 128, 5})
	f.Fuzz(func(t *testing.T, ops []byte) {
		table, from := PortTable{}, PortRange{2000, 2015}
		for i, op := range ops {
			app := portless(string(rune('a'+op%5)), "api", "web")
			held := func(port int) bool { return (port+i)%7 == int(op>>5) }
			before := table.Clone()
			switch op % 4 {
			case 0, 1:
				got, err := table.Choose(app, from, held)
				if err != nil {
					if fmt.Sprint(table) != fmt.Sprint(before) {
						t.Fatalf("%v was changed to %v, and refused", before, table)
					}
					continue
				}
				for _, r := range got.Routes {
					was := before[app.Name][r.Name]
					for _, c := range Colors() {
						port := r.Ports.Of(c)
						switch {
						case was.Of(c) != 0 && port != was.Of(c):
							t.Fatalf("%s of %s in %s moved from %d to %d", r.Name, app.Name, c, was.Of(c), port)
						case was.Of(c) == 0 && (held(port) || port < from.First || port > from.Last):
							t.Fatalf("%d was chosen, which is held or not in %s", port, from)
						}
					}
				}
			case 2:
				table.Drop(app.Name, []int{from.First + int(op>>4)})
			case 3:
				first := from.First + int(op>>3)
				table.Adopt(app.Name, map[string]Ports{"web": {first, first + 1}})
			}
			if err := table.Check(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

import { listUserFacetsOptions, listUsersInfiniteOptions } from "@codecave/api/query";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { useSearchParams } from "wouter";

import { field } from "../parts/form";
import { List } from "../parts/list";
import { PersonCard } from "../parts/person";
import { Title } from "../parts/title";

/** Finds people to work with, or suggests some. */
export function People() {
  const [parameters, setParameters] = useSearchParams();
  const { data: facets } = useQuery(listUserFacetsOptions());
  const text = (name: string) => parameters.get(name) || undefined;
  const skill = text("skill");
  const filter = { q: text("q"), location: text("location"), skill: skill ? [skill] : [] };
  const isFiltered = Boolean(filter.q ?? filter.location ?? skill);
  const people = useInfiniteQuery(listUsersInfiniteOptions({ query: { ...filter, sort: isFiltered ? "followers" : "suggested" } }));
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setParameters(Object.fromEntries(["q", "skill", "location"].map((name) => [name, field(form, name)])));
  };
  return (
    <>
      <Title>People</Title>
      <form onSubmit={search} className="row">
        <label>
          Name
          <input name="q" maxLength={100} defaultValue={filter.q} />
        </label>
        <label>
          Skill
          <input name="skill" list="skills" maxLength={50} defaultValue={skill} />
        </label>
        <label>
          Place
          <input name="location" list="locations" maxLength={100} defaultValue={filter.location} />
        </label>
        <button>Find people</button>
      </form>
      <datalist id="skills">
        {facets?.skills.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </datalist>
      <datalist id="locations">
        {facets?.locations.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </datalist>
      <h2>{isFiltered ? "Found" : "Suggested to you"}</h2>
      <List label="People" query={people} empty="Nobody matches.">
        {(person) => <PersonCard person={person} />}
      </List>
    </>
  );
}

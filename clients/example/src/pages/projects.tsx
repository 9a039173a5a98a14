import type { ListProjectsData } from "@codecave/api";
import { listProjectFacetsOptions, listProjectsInfiniteOptions, listUsersInfiniteOptions } from "@codecave/api/query";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";

import { useMe } from "../api";
import { List } from "../parts/list";
import { PersonCard } from "../parts/person";
import { ProjectCard } from "../parts/project";
import { Title } from "../parts/title";

type Query = NonNullable<ListProjectsData["query"]>;

const sorts: Record<string, Query["sort"]> = {
  newest: "newest",
  updated: "updated",
  likes: "likes",
  comments: "comments",
  views: "views",
  trending: "trending",
  relevance: "relevance",
};

/** Projects, and people, as the address asks for. */
export function Projects() {
  const [parameters, setParameters] = useSearchParams();
  const me = useMe();
  const q = parameters.get("q") ?? undefined;
  const filter = { q, tag: parameters.getAll("tag"), language: parameters.getAll("language") };
  const sort = sorts[parameters.get("sort") ?? ""];
  const projects = useInfiniteQuery(listProjectsInfiniteOptions({ query: { ...filter, sort } }));
  const { data: facets } = useQuery(listProjectFacetsOptions({ query: { ...filter, limit: 10 } }));

  const choose = (change: (parameters: URLSearchParams) => void) =>
    setParameters((current) => {
      const next = new URLSearchParams(current);
      change(next);
      return next;
    });
  const toggle = (name: string, value: string) =>
    choose((next) => (next.has(name, value) ? next.delete(name, value) : next.append(name, value)));

  return (
    <>
      <Title>{q ? `Projects about ${q}` : "Projects"}</Title>
      <div className="columns">
        <section aria-labelledby="results">
          <h2 id="results">Results</h2>
          <p>
            <label>
              Order{" "}
              <select value={sort ?? ""} onChange={({ target }) => choose((next) => next.set("sort", target.value))}>
                <option value="">{q ? "relevance" : "newest"}</option>
                {Object.keys(sorts).map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          </p>
          <List label="Projects" query={projects} empty="No project matches.">
            {(project) => <ProjectCard project={project} />}
          </List>
        </section>
        <aside aria-label="Filters">
          <Choices label="Tags" choices={facets?.tags} chosen={filter.tag} toggle={(name) => toggle("tag", name)} />
          <Choices
            label="Languages"
            choices={facets?.languages}
            chosen={filter.language}
            toggle={(name) => toggle("language", name)}
          />
          {q && me && <PeopleAbout q={q} />}
        </aside>
      </div>
    </>
  );
}

interface ChoiceList {
  label: string;
  choices: { name: string; count: number }[] | undefined;
  chosen: string[];
  toggle: (name: string) => void;
}

function Choices({ choices, chosen, label, toggle }: ChoiceList) {
  return (
    <fieldset>
      <legend>{label}</legend>
      {choices?.map(({ count, name }) => (
        <label key={name}>
          <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} /> {name} ({count})
        </label>
      ))}
    </fieldset>
  );
}

function PeopleAbout({ q }: { q: string }) {
  const people = useInfiniteQuery(listUsersInfiniteOptions({ query: { q, limit: 5 } }));
  return (
    <section aria-labelledby="people">
      <h2 id="people">People</h2>
      <List label="People" query={people} empty="Nobody matches.">
        {(person) => <PersonCard person={person} />}
      </List>
    </section>
  );
}

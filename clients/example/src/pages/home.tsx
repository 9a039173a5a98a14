import {
  getStatsOptions,
  listFeedInfiniteOptions,
  listProjectFacetsOptions,
  listProjectsInfiniteOptions,
} from "@codecave/api/query";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { useMe } from "../api";
import { count } from "../parts/count";
import { List } from "../parts/list";
import { ProjectCard } from "../parts/project";
import { Title } from "../parts/title";

export function Home() {
  return (
    <div className="columns">
      <section>{useMe() ? <Feed /> : <Landing />}</section>
      <TrendingTech />
    </div>
  );
}

/** What the people whom one follows publish. Without any, what is popular. */
function Feed() {
  const feed = useInfiniteQuery(listFeedInfiniteOptions());
  return (
    <>
      <Title>Your feed</Title>
      {feed.data?.length === 0 ? (
        <>
          <p>
            Follow <Link href="/people">people</Link> to see what they publish. Until then, this is popular:
          </p>
          <Trending />
        </>
      ) : (
        <List label="Your feed" query={feed} empty="">
          {(project) => <ProjectCard project={project} />}
        </List>
      )}
    </>
  );
}

function Landing() {
  const { data: stats } = useQuery(getStatsOptions());
  return (
    <>
      <Title>Share what you build</Title>
      {stats && (
        <p>
          {stats.users} people, {count(stats.projects, "project")}, {count(stats.comments, "comment")},{" "}
          {count(stats.likes, "like")}
        </p>
      )}
      <h2>Popular projects</h2>
      <Trending />
    </>
  );
}

function Trending() {
  const trending = useInfiniteQuery(listProjectsInfiniteOptions({ query: { sort: "trending" } }));
  return (
    <List label="Popular projects" query={trending} empty="There is no project yet.">
      {(project) => <ProjectCard project={project} />}
    </List>
  );
}

function TrendingTech() {
  const { data } = useQuery(listProjectFacetsOptions({ query: { window: "7d", limit: 10 } }));
  return (
    <aside aria-labelledby="tech">
      <h2 id="tech">Trending tech</h2>
      <ul>
        {data?.tags.map(({ count: projects, name, previousCount, recentCount }) => (
          <li key={name}>
            <Link href={`/projects?${new URLSearchParams({ tag: name })}`}>#{name}</Link> {count(projects, "project")},{" "}
            {recentCount} this week, {previousCount} the week before
          </li>
        ))}
      </ul>
    </aside>
  );
}

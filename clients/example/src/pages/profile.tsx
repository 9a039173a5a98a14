import type { PublicUser } from "@codecave/api";
import { getContributionsOptions, getUserOptions, listProjectsInfiniteOptions } from "@codecave/api/query";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { count } from "../parts/count";
import { Failure } from "../parts/failure";
import { List } from "../parts/list";
import { FollowButton, Picture } from "../parts/person";
import { ProjectCard } from "../parts/project";
import { Title } from "../parts/title";

export function Profile({ userId }: { userId: string }) {
  const { data: person, error } = useQuery(getUserOptions({ path: { userId } }));
  const projects = useInfiniteQuery(listProjectsInfiniteOptions({ query: { author: userId } }));
  return (
    <>
      <Title>{person?.name ?? "Profile"}</Title>
      <Failure error={error} />
      {person && <About person={person} />}
      <Contributions userId={userId} />
      <section aria-labelledby="projects">
        <h2 id="projects">Projects</h2>
        <List label="Projects" query={projects} empty="There is no project yet.">
          {(project) => <ProjectCard project={project} />}
        </List>
      </section>
    </>
  );
}

function About({ person }: { person: PublicUser }) {
  return (
    <section aria-label="About">
      <Picture person={person} />
      <p>{person.bio}</p>
      <p className="meta">
        {person.location && <span>{person.location}</span>}
        {person.company && <span>{person.company}</span>}
        {person.website && (
          <a href={person.website} rel="nofollow noopener">
            {person.website}
          </a>
        )}
        {person.skills.map((skill) => (
          <span key={skill}>{skill}</span>
        ))}
      </p>
      <p>
        <Link href={`/people/${person.id}/network`}>
          {count(person.followersCount, "follower")}, {person.followingCount} following
        </Link>
        {person.followsMe && " · follows you"}
      </p>
      <FollowButton person={person} />
    </section>
  );
}

function Contributions({ userId }: { userId: string }) {
  const { data } = useQuery(getContributionsOptions({ path: { userId } }));
  return (
    <section aria-labelledby="contributions">
      <h2 id="contributions">Contributions</h2>
      {data && (
        <>
          <p>
            {data.total} from {data.from} to {data.to}
          </p>
          <ol className="days" aria-label="Days with contributions">
            {data.days.map(({ count: contributions, date }) => (
              <li key={date} title={`${date}: ${contributions}`} data-count={Math.min(contributions, 4)}>
                <span className="hidden">
                  {date}: {contributions}
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

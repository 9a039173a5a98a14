import { listProjectsInfiniteOptions } from "@codecave/api/query";
import { useInfiniteQuery } from "@tanstack/react-query";

import { List } from "../parts/list";
import { ProjectCard } from "../parts/project";
import { Title } from "../parts/title";

/** What one has liked. */
export function Saved({ userId }: { userId: string }) {
  const liked = useInfiniteQuery(listProjectsInfiniteOptions({ query: { likedBy: userId } }));
  return (
    <>
      <Title>Saved</Title>
      <h2>Projects that you like</h2>
      <List label="Projects that you like" query={liked} empty="You like no project yet.">
        {(project) => <ProjectCard project={project} />}
      </List>
    </>
  );
}

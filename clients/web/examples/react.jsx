import { createRoot } from "react-dom/client";
import { useJob } from "@milepost/client/react";

function Export() {
  const { job } = useJob("job:42");
  return (
    <>
      <h1>Export</h1>
      <progress id="bar" value={job?.overall ?? 0} aria-label="Export" />
    </>
  );
}

createRoot(document.getElementById("root")).render(<Export />);
